"""Measures how much a split gives away: test images with a relative among the training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data import protocols
from training.data.relatives.search import Relatives

DRAWS = 20


def share(relatives: Relatives, parts: Sequence[str]) -> float:
    """Return the share of the samples in "test" that have a relative in "train".

    It is nan if there is no test part.
    """
    leaked = {
        image
        for pair in relatives.pairs
        for image, other in (pair, pair[::-1])
        if parts[image] == "test" and parts[other] == "train"
    }
    tests = list(parts).count("test")
    return len(leaked) / tests if tests else float("nan")


def of_random_splits(relatives: Relatives, seed: int = 0) -> float:
    """Return the mean share over ``DRAWS`` splits of the protocol "random"."""
    shares = []
    for draw in range(DRAWS):
        drawn = protocols.random_parts(relatives.samples, seed + draw)
        part = {sample.path: name for name, samples in drawn.items() for sample in samples}
        shares.append(share(relatives, [part[each.path] for each in relatives.samples]))
    return float(np.mean(shares))
