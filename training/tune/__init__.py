"""Searches for settings of a training, by Optuna."""
