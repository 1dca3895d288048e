"""Chooses the layers to round, and fits the dense head to what rounding leaves."""
