"""Trains backbones: recipes, epochs, checkpoints."""
