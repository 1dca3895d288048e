"""Training: recipes, epochs, checkpoints."""
