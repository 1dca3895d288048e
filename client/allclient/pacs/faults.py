"""Puts unexpected errors in words that quote nothing: a message may hold a patient's name."""

from __future__ import annotations

import traceback
from pathlib import Path


def place(error: BaseException) -> str:
    """Return the kind of an error, and where it was raised: ``KeyError in sop.py, line 12``."""
    frames = traceback.extract_tb(error.__traceback__)
    name = type(error).__name__
    if not frames:
        return name
    return f"{name} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"
