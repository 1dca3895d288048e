"""When to ask for review: temperatures, strangeness, quality limits."""
