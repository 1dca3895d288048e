"""The share of malignant leukocytes of a case, with an interval that knows of fields."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

MIN_FIELDS: Final = 5
"""Fields with leukocytes below which no interval is given: so few say little about how fields
differ, and a bootstrap over them would look far too sure."""

_ROUNDS: Final = 2000
_SEED: Final = 20260101
_NORMAL_95: Final = 1.959964

FieldCounts = Counter[tuple[int, int]]
"""How many fields have so many (malignant leukocytes, leukocytes)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cells, 0 to 1. ``low`` and ``high`` are None where there are too few fields."""

    value: float
    low: float | None
    high: float | None


def share_of(fields: FieldCounts) -> Share | None:
    """Malignant leukocytes over leukocytes, all fields together; None without a leukocyte.

    The interval of 95% is a bootstrap over fields, since cells of one field are not independent:
    2000 times as many fields are drawn, with replacement. It is never narrower than Wilson's
    interval for as many independent cells; fields that are all alike would else have no width.
    The draws are seeded, so the same fields always have the same interval.
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
    low, high = np.percentile(malignant / cells, (2.5, 97.5))
    return float(low), float(high)


def _wilson(hits: int, total: int) -> tuple[float, float]:
    share, z2 = hits / total, _NORMAL_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    half /= 1 + z2 / total
    return max(0.0, middle - half), min(1.0, middle + half)
