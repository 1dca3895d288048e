"""Measures what needs images, backbones and time: predictions of the masters, and their cost."""
