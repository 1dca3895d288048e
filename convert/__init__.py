"""Turns a trained ``.keras`` master into what Triton serves: ``python -m convert --help``."""
