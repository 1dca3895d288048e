"""Writes figures as text: at most three significant digits, percentages with one decimal.

Every function takes None for what was not measured and says so. Rounding never makes a value
look certain: 0.9998 is ``>99.9%`` and 0.0002 is ``<0.1%``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeGuard

MISSING: Final = "not measured"
Interval = Sequence[float | None] | None
"""[low, high] of a 95% interval, or None where there is none."""


def known(value: object) -> TypeGuard[float]:
    """Return whether ``value`` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent(value: float | None) -> str:
    """Return a share as a percentage: 0.9613 is ``96.1%``."""
    return f"{_hundred(value)}%" if known(value) else MISSING


def share(value: float | None, interval: Interval = None) -> str:
    """Return a share with its 95% interval: ``96.1% (93.0-98.2)``."""
    return percent(value) + _bracket(interval, _hundred) if known(value) else MISSING


def number(value: float | None, unit: str = "") -> str:
    """Write three significant digits, thousands as k, M, G: 3_228_864 is ``3.23 M``."""
    if not known(value):
        return MISSING
    text = _three(value)
    return f"{text} {unit}".strip() if unit else text


def size(value: float | None) -> str:
    """Write a number of bytes: 6_465_928 is ``6.47 MB``."""
    if not known(value):
        return MISSING
    text = _three(value)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def decimal(value: float | None, interval: Interval = None) -> str:
    """Return a score between -1 and 1 that is no share, three decimals: ``0.912 (0.871-0.954)``."""
    return _score(value) + _bracket(interval, _score) if known(value) else MISSING


def count(value: float | None) -> str:
    """Return a whole number with separators, exact: ``2,743``."""
    return f"{round(value):,}" if known(value) else MISSING


def points(value: float | None, interval: Interval = None) -> str:
    """Return a difference of shares in percentage points: ``+1.2 points (-0.3 to +2.4)``."""
    if not known(value):
        return MISSING
    text = f"{100 * value:+.1f} points"
    low, high = interval or (None, None)
    if known(low) and known(high):
        text += f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return text


def p_value(value: float | None) -> str:
    """Write a p as ``p = 0.012`` or ``p < 0.001``."""
    if not known(value):
        return MISSING
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.2f}" if value >= 0.095 else f"p = {value:.3f}"


def none_failed(size: float) -> str:
    """Return what a count of no failures among ``size`` still allows.

    The rule of three: J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all
    right?" (JAMA, 1983). It takes the units as independent.
    """
    allowed = percent(min(1.0, 3 / size))
    return f"none of {count(size)} failed, and up to {allowed} would fit as well (rule of three)"


def _bracket(interval: Interval, form: Callable[[float], str]) -> str:
    ends = [form(end) for end in interval or () if known(end)]
    if len(ends) != 2:
        return ""
    low, high = ends
    return f" ({low}-{high})" if not low.startswith("-") else f" ({low} to {high})"


def _hundred(value: float) -> str:
    text = f"{100 * value:.1f}"
    if text == "100.0" and value < 1:
        return ">99.9"
    return "<0.1" if text == "0.0" and value > 0 else text


def _score(value: float) -> str:
    text = f"{value:.3f}"
    return ">0.999" if text == "1.000" and value < 1 else text


def _three(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{_significant(value / size)} {letter}"
    return _significant(value)


def _significant(value: float) -> str:
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.2e}")))))
    return f"{value:.{decimals}f}"
