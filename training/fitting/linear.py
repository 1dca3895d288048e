"""Fits the dense head alone, on features that stay as they are.

On this problem that is more than a short cut. A network that is trained as a whole on ten slides
finds what tells slides apart and names the slide; early features of a network that was trained on
something else, pooled over the leukocytes of a field, hold the shape and the chromatin of cells
but little that is the slide's own, and a penalised linear head cannot go and look for more. The
problem is convex: no learning rate, no epochs, one answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from allclient.contract import SUBTYPES
from training.data.samples import DatasetError, Sample
from training.fitting.recipes import Head

LEAST_OF_A_SLIDE = 50
"""A slide with fewer images counts as a part of a slide of that many: ten images must not weigh as
much as six hundred."""

Array = npt.NDArray[np.float32]


def fit(features: Array, samples: Sequence[Sample], head: Head) -> tuple[Array, Array]:
    """Kernel float32 [channels, 4] and bias float32 [4] of the head.

    Args:
        features: float32 [n, views, channels] of the training fields.
        samples: their classes and slides. Classes count the same in sum, and so do the slides of
            a class.

    Raises:
        DatasetError: a class is missing.
    """
    targets = np.array([sample.target for sample in samples])
    missing = [name.value for at, name in enumerate(SUBTYPES) if at not in targets]
    if missing:
        raise DatasetError(f"no training image is of the class {', '.join(missing)}")
    views = features.shape[1]
    flat = features.reshape(-1, features.shape[2]).astype(np.float64)
    share = np.repeat(weights(samples), views) / views
    mean = np.average(flat, axis=0, weights=share)
    spread = np.sqrt(np.average((flat - mean) ** 2, axis=0, weights=share))
    scale = np.maximum(spread, 1e-6) * np.sqrt(features.shape[2])
    model = LogisticRegression(C=head.looseness, max_iter=2000)
    model.fit((flat - mean) / scale, np.repeat(targets, views), sample_weight=share)
    kernel = model.coef_.T / scale[:, None]
    return kernel.astype(np.float32), (model.intercept_ - mean @ kernel).astype(np.float32)


def weights(samples: Sequence[Sample]) -> npt.NDArray[np.float64]:
    """Weight of each sample [n], mean 1: classes equal, and slides of a class equal."""
    targets = np.array([sample.target for sample in samples])
    slides = np.array([sample.slide for sample in samples])
    found = np.zeros(len(samples))
    for target in np.unique(targets):
        here = targets == target
        counts = {slide: int((here & (slides == slide)).sum()) for slide in set(slides[here])}
        for slide, count in counts.items():
            found[here & (slides == slide)] = 1 / max(count, LEAST_OF_A_SLIDE)
        found[here] /= found[here].sum()
    return found / found.mean()
