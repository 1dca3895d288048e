"""Draws smear images for the demo and the tests, by a program and from no patient.

They show that the parts work together. They say nothing about how well the models read smears.
"""
