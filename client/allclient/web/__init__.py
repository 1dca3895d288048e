"""Runs the web page: upload fields, look at them, verify the answers. Needs the extra ``web``."""
