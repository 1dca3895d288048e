"""Tests whether one voter is better than another on the same images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest


class McNemar(NamedTuple):
    """The counts of McNemar's test and its p."""

    first_only: int
    """Images that the first alone has right."""
    second_only: int
    p: float
    """Two-sided, exact. It takes images for independent; fields that share cells are not, so it
    is smaller than it should be. The interval of the difference over groups is the safer one."""


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> McNemar:
    """Apply the exact McNemar test to who is right [n] and who is right [n] (Q. McNemar, 1947)."""
    ahead = int(np.count_nonzero(first & ~second))
    behind = int(np.count_nonzero(second & ~first))
    apart = ahead + behind
    p = float(binomtest(ahead, apart, 0.5).pvalue) if apart else 1.0
    return McNemar(ahead, behind, p)
