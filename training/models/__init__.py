"""Builds the backbones and their heads, and reads and writes the files that hold them."""
