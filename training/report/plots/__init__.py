"""Plots the figures: each module makes ``Panel``s, or None if nothing was measured."""
