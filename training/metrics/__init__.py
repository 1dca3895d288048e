"""Pure functions from answers to figures."""
