"""Computes pauses between tries that grow apart."""

from __future__ import annotations

import random
from typing import Final

FIRST: Final = 2.0
MAX_PAUSE: Final = 300.0


def pause(tries: int) -> float:
    """Return the seconds until the next try, after ``tries`` of them.

    A random part spreads many apart.
    """
    longest: float = min(FIRST * 2 ** min(tries, 20), MAX_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
