"""Which answers go without review, by limits that were chosen with whole laboratories left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.laboratories.scores import Units
from training.metrics.classification import Floats

LEVELS = (0.05, 0.1, 0.2)
"""Shares of the answers without review that may be wrong, in every laboratory."""
STEPS = 80
"""Quantiles that are tried as limits."""


@dataclass(frozen=True)
class Limits:
    """Below ``benign`` the answer is benign, above ``malignant`` malignant, between them review."""

    benign: float
    malignant: float

    def given(self, logits: Floats) -> npt.NDArray[np.bool_]:
        """Which answers [n] go without review."""
        return np.asarray((logits < self.benign) | (logits > self.malignant), np.bool_)


NOTHING = Limits(-np.inf, np.inf)
"""Every answer is reviewed."""


def choose(laboratories: Mapping[str, Units], level: float) -> Limits:
    """The limits that answer most, on average over laboratories, within ``level`` in each of them.

    Args:
        laboratories: what heads that did not see it said of each.
        level: largest share of wrong ones among the answers without review of a laboratory.
    """
    if not laboratories:
        return NOTHING
    pooled = np.concatenate([units.logits for units in laboratories.values()])
    tried = np.quantile(pooled, np.linspace(0, 1, STEPS + 1))
    below = np.concatenate([[-np.inf], tried])
    above = np.concatenate([tried, [np.inf]])
    total = np.zeros((len(below), len(above)))
    allowed = below[:, None] <= above[None]
    for units in laboratories.values():
        malignant = units.malignant == 1
        low, high = units.logits < below[:, None], units.logits > above[:, None]
        given = low.sum(1)[:, None] + high.sum(1)[None]
        wrong = (low & malignant).sum(1)[:, None] + (high & ~malignant).sum(1)[None]
        allowed &= wrong <= level * given
        total += given / len(units.logits)
    best = np.unravel_index(np.where(allowed, total, -1).argmax(), total.shape)
    if not allowed[best] or total[best] == 0:
        return NOTHING
    return Limits(float(below[best[0]]), float(above[best[1]]))


def judged(units: Units, limits: Limits) -> dict[str, Any]:
    """How many answers go without review, and how many of these are wrong."""
    given = limits.given(units.logits)
    wrong = given & ((units.logits > limits.malignant) != (units.malignant == 1))
    return {
        "pictures": len(given),
        "without_review": int(given.sum()),
        "wrong": int(wrong.sum()),
        "malignant_without_review": int((units.logits > limits.malignant).sum()),
    }


def study(
    known: Mapping[str, Units], unseen: Mapping[str, Units], level: float
) -> dict[str, dict[str, Any]]:
    """Each laboratory by limits that were chosen on others.

    Args:
        known: laboratories that can be learned from, each as heads without it see it. Each is
            judged by the limits of the others.
        unseen: sources that are evaluate only, judged by the limits of all of ``known``.
    """
    found = {
        name: judged(
            units, choose({other: known[other] for other in known if other != name}, level)
        )
        for name, units in known.items()
    }
    limits = choose(known, level)
    return {**found, **{name: judged(units, limits) for name, units in unseen.items()}}
