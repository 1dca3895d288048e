"""Holds what training, conversion, benchmarks and tests share.

The installed client never imports it.
"""
