"""Reads images on disk: which there are, what belongs together, which part each falls into."""
