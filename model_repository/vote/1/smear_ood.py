"""Measures how unlike the known images an image is: do the backbones and the stain know it?"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from smear_policy import BACKBONES, QUANTILES, Appearance, Array, Policy

TAIL: Final = 0.99
EDGE: Final = round(TAIL * (QUANTILES - 1))
"""Where the 99% quantile stands among the quantiles."""

_SHARES: Final = np.linspace(0, 1, QUANTILES)


def energy(logits: Array) -> float:
    """Return the mean of -logsumexp of logits [3, 4] over the backbones; high if none is sure."""
    top = logits.max(axis=-1)
    return float(-(top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))).mean())


def distance(quality: Array, appearance: Appearance) -> float:
    """Return how far quality values [19] are from the nearest known field of any slide.

    Nearest, not from the middle of all: between two known stains lies one that nobody has seen.
    """
    apart = np.asarray(quality, dtype=np.float64)[list(appearance.at)] - appearance.known
    whitened = apart @ appearance.whitening
    return math.sqrt(float((whitened * whitened).sum(axis=1).min()))


def ood_score(logits: Array, quality: Array, policy: Policy) -> float:
    """Return the larger of the shares of validation images with a lower energy or distance.

    It is 0..1. A distance beyond the 99% quantile scores between 0.99 and 1, the nearer to 1 the
    farther it is (0.995 at twice that distance), so that far and farthest can still be told apart.
    Where not all backbones were asked (logits [2, 4]), the higher energy counts instead of their
    mean.
    """
    far = distance(quality, policy.appearance)
    edge = float(policy.appearance.quantiles[EDGE])
    beyond = TAIL + (1 - TAIL) * (1 - edge / far) if far > edge else 0.0
    unlike = beyond or _share(far, policy.appearance.quantiles)
    if len(logits) == len(BACKBONES):
        unsure = energy(logits)
    else:
        unsure = max(energy(row[None]) for row in logits)
    return max(unlike, _share(unsure, policy.energy_quantiles))


def _share(value: float, quantiles: Array) -> float:
    return float(np.interp(value, quantiles, _SHARES))
