"""When to ask for review: temperatures, OOD score, quality limits."""
