"""Measures the share of malignant leukocytes of a case, with an interval that knows of fields."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

MIN_FIELDS: Final = 5
"""Fields with leukocytes below which no interval is given: so few say little about how fields
differ, and a bootstrap over them would look far too sure."""

_ROUNDS: Final = 4000
_SEED: Final = 20260101
_NORMAL: Final = NormalDist()
_NORMAL_95: Final = _NORMAL.inv_cdf(0.975)

FieldCounts = Counter[tuple[int, int]]
"""How many fields have so many (malignant leukocytes, leukocytes)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cells, 0 to 1. ``low`` and ``high`` are None where there are too few fields."""

    value: float
    low: float | None
    high: float | None


def share_of(fields: FieldCounts) -> Share | None:
    """Return malignant leukocytes over leukocytes of all fields; None without a leukocyte.

    The interval of 95% is a bootstrap over fields, since cells of one field are not independent:
    4000 times as many fields are drawn, with replacement, and the percentiles are those of
    Hesterberg's expanded interval, since plain ones are too narrow for few fields. It is never
    narrower than Wilson's interval for as many independent cells; fields that are all alike would
    else have no width. The draws are seeded, so the same fields always have the same interval.
    """
    counted = sorted((pair, times) for pair, times in fields.items() if pair[1] > 0)
    cells = sum(pair[1] * times for pair, times in counted)
    if not cells:
        return None
    malignant = sum(pair[0] * times for pair, times in counted)
    value = malignant / cells
    if sum(times for _, times in counted) < MIN_FIELDS:
        return Share(value, None, None)
    low, high = _bootstrap(counted)
    wilson_low, wilson_high = _wilson(malignant, cells)
    return Share(value, min(low, wilson_low), max(high, wilson_high))


def _bootstrap(counted: list[tuple[tuple[int, int], int]]) -> tuple[float, float]:
    import numpy as np

    pairs = np.array([pair for pair, _ in counted], dtype=np.int64)
    times = np.array([times for _, times in counted], dtype=np.int64)
    # Fields that count alike are drawn together: a million fields cost no more than a hundred.
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(int(times.sum()), times / times.sum(), size=_ROUNDS)
    malignant, cells = (drawn @ pairs).T
    tail = _tail(int(times.sum()))
    low, high = np.quantile(malignant / cells, (tail, 1 - tail))
    return float(low), float(high)


def _tail(fields: int) -> float:
    """Return the share of draws to leave out at each end: 2.5% of many fields, fewer of few fields.

    Hesterberg, "What teachers should know about the bootstrap" (2015), 3.1: the normal quantile
    of the percentile is that of Student's t, times the root of n / (n - 1).
    """
    z, free = _NORMAL_95, fields - 1
    student = (  # Cornish-Fisher; right to 0.01 from 4 degrees of freedom on
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )
    return _NORMAL.cdf(-math.sqrt(fields / free) * student)


def _wilson(hits: int, total: int) -> tuple[float, float]:
    share, z2 = hits / total, _NORMAL_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    half /= 1 + z2 / total
    return max(0.0, middle - half), min(1.0, middle + half)
