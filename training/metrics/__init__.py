"""Computes figures from answers, in pure functions."""
