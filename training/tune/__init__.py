"""Search for settings of a training: by Optuna, or by Taguchi's orthogonal array."""
