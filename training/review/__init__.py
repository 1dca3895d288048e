"""Decides when to ask for review: temperatures, OOD score, quality limits."""
