"""Plots of the figures: each module makes ``Panel``s, or None where nothing was measured."""
