"""What makes the released weights: features that stay as they are, a discriminant, distillation."""
