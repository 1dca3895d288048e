"""Drawn smear images: made by a program, from no patient, for the demo and the tests.

They show that the parts work together. They say nothing about how well the models read smears.
"""
