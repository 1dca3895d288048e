"""Figures of the report from saved predictions: nothing here sees an image or a network."""
