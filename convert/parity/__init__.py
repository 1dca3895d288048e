"""Comparison of every artifact with its Keras master."""
