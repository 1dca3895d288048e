"""Compares every artifact with its Keras master."""
