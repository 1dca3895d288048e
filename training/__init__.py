"""Trains, evaluates and calibrates the three backbones: ``python -m training --help``."""
