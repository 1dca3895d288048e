"""Makes the released weights: features that stay as they are, a discriminant, distillation."""
