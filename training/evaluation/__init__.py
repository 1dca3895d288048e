"""Collects answers to be scored, and says what they are worth."""
