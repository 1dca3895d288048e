"""Holds the command line of ``python -m training``: each public module is a command."""

from __future__ import annotations

from toolkit.commands import group

main = group(
    __name__,
    __path__,
    "Train, score and calibrate the three backbones.",
    renamed={"views": "augment", "hints": "distil"},
)
