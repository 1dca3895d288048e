"""Taguchi's L9: four factors of three levels in nine runs, and what each level did.

In the array every pair of factors meets every pair of levels once, so the mean over the three runs
of a level shows that level alone, as long as factors do not work on each other: interactions are
mixed into the main effects and cannot be told apart here. Source: M. S. Phadke, Quality
Engineering Using Robust Design, 1989.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FACTORS = 4
LEVELS = 3


def l9() -> npt.NDArray[np.int64]:
    """Return the array, int64 [9, 4]: the level 0, 1 or 2 of each factor in each run."""
    first, second = np.divmod(np.arange(9), LEVELS)
    return np.stack([first, second, (first + second) % 3, (first + 2 * second) % 3], axis=1)


def signal_to_noise(values: npt.ArrayLike, *, larger: bool) -> float | None:
    """Return Taguchi's ratio of repeated results [repeats] of one run, in decibels.

    -10 log10 of the mean of 1/y^2 where larger results are better, of y^2 where smaller ones are.
    None where a result is not above zero, for which the ratio has no meaning.
    """
    results = np.asarray(values, float)
    if not (results > 0).all():
        return None
    return float(-10 * np.log10((results ** (-2.0 if larger else 2.0)).mean()))


def main_effects(
    factors: Mapping[str, Sequence[Any]], results: npt.ArrayLike, *, larger: bool
) -> dict[str, Any]:
    """Return what each level of each factor did.

    Args:
        factors: three levels of each of up to four factors, in the order of the array's columns.
        results: [9, repeats], in the order of the array's rows.
        larger: whether larger results are better.

    Returns:
        "effects": by factor its levels, the mean result and the mean signal-to-noise ratio of
        each, the range of those means (delta) and the rank of that range among the factors;
        "best": the level of each factor with the best mean result; "results" as given.
    """
    table, design = np.asarray(results, float), l9()
    ratios = [signal_to_noise(row, larger=larger) for row in table]
    effects: dict[str, dict[str, Any]] = {}
    for column, (name, levels) in enumerate(factors.items()):
        rows = [design[:, column] == level for level in range(LEVELS)]
        means = [float(table[row].mean()) for row in rows]
        effects[name] = {
            "levels": list(levels),
            "mean": means,
            "signal_to_noise": [_mean([ratios[run] for run in np.flatnonzero(r)]) for r in rows],
            "delta": max(means) - min(means),
        }
    order = sorted(effects, key=lambda name: -effects[name]["delta"])
    for name, effect in effects.items():
        effect["rank"] = order.index(name) + 1
    pick = np.argmax if larger else np.argmin
    best = {name: effect["levels"][int(pick(effect["mean"]))] for name, effect in effects.items()}
    return {"larger_is_better": larger, "effects": effects, "best": best, "results": table.tolist()}


def as_text(found: Mapping[str, Any]) -> str:
    """Return the main effects as a table of plain text."""
    lines = [f"{'factor':<24}{'level':>12}{'mean':>10}{'S/N dB':>10}{'delta':>10}{'rank':>6}"]
    for name, effect in found["effects"].items():
        for place, level in enumerate(effect["levels"]):
            ratio = effect["signal_to_noise"][place]
            shown = f"{level:.4g}" if isinstance(level, float) else str(level)
            line = f"{'' if place else name:<24}{shown:>12}{effect['mean'][place]:>10.4f}"
            line += f"{'-' if ratio is None else format(ratio, '.2f'):>10}"
            if not place:
                line += f"{effect['delta']:>10.4f}{effect['rank']:>6}"
            lines.append(line)
    best = ", ".join(f"{name} {level}" for name, level in found["best"].items())
    return "\n".join([*lines, f"best by its means, not run together unless by chance: {best}"])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
