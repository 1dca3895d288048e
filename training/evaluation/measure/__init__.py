"""Measures what needs images, networks and time: predictions of the masters, and their cost."""
