"""Finds images that show the same cells: equal files, nearly equal frames, fields that overlap.

A microscope's stage is often moved by less than a field, so fields of one slide share cells. Split
at random, such fields fall on both sides, and a test then rewards memory. Found in two steps:
phase correlation of small pictures proposes pairs and their shift (``shifts``), normalised
correlation over the common area confirms them (``overlaps``).
"""
