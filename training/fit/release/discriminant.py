"""Fits the dense head alone, on features that stay as they are: a linear discriminant.

On this problem that is more than a short cut. A backbone that is trained as a whole on ten slides
finds what tells slides apart and names the slide. Early features of a backbone that was trained on
something else, averaged over the leukocytes of a field, hold the shape and the chromatin of cells
but little that is the slide's own, and a linear head cannot go and look for more.

The head is that of Fisher's discriminant analysis with a ridge (Hastie, Tibshirani and Friedman,
The Elements of Statistical Learning, 4.3): every class has its own mean, all share one spread.
There is no learning rate and no random start, only one system of equations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from training.data.samples import DatasetError, Sample

MIN_SLIDE_IMAGES = 50
"""A slide with fewer images counts as a part of a slide of that many: ten images must not weigh as
much as six hundred."""

MIN_SCALE = 1e-6
"""A feature that varies less than this share of the one that varies most counts as constant."""

Array = npt.NDArray[np.float32]


def fit(features: Array, samples: Sequence[Sample], ridge: float) -> tuple[Array, Array]:
    """Fit kernel float32 [channels, 4] and bias float32 [4] of the head.

    Args:
        features: float32 [n, views, channels] of the training fields.
        samples: their classes and slides. Classes count the same in sum, and so do the slides of
            a class.
        ridge: what is added to the variances within classes.

    Raises:
        DatasetError: a class is missing.
    """
    targets = np.array([sample.target for sample in samples])
    missing = [name.value for at, name in enumerate(SUBTYPES) if at not in targets]
    if missing:
        raise DatasetError(f"no training image is of the class {', '.join(missing)}")
    classes = range(len(SUBTYPES))
    views = features.shape[1]
    flat = features.reshape(-1, features.shape[2]).astype(np.float64)
    share = np.repeat(weights(samples), views)
    share /= share.sum()
    known = np.repeat(targets, views)
    mean = share @ flat
    flat -= mean
    scale = np.sqrt(share @ flat**2)
    scale = np.maximum(scale, MIN_SCALE * scale.max())
    flat /= scale
    means = np.stack([share * (known == c) @ flat / share[known == c].sum() for c in classes])
    flat -= means[known]
    spread = (flat * share[:, None]).T @ flat
    spread[np.diag_indices_from(spread)] += ridge
    kernel = np.linalg.solve(spread, means.T)
    bias = -0.5 * np.einsum("cf,fc->c", means, kernel)
    kernel /= scale[:, None]
    return kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32)


def weights(samples: Sequence[Sample]) -> npt.NDArray[np.float64]:
    """Return the weight of each sample [n] with mean 1: classes equal, slides of a class equal."""
    targets = np.array([sample.target for sample in samples])
    slides = np.array([sample.slide for sample in samples])
    shares = np.zeros(len(samples))
    for target in np.unique(targets):
        of_class = targets == target
        counts = {
            slide: int((of_class & (slides == slide)).sum()) for slide in set(slides[of_class])
        }
        for slide, count in counts.items():
            shares[of_class & (slides == slide)] = 1 / max(count, MIN_SLIDE_IMAGES)
        shares[of_class] /= shares[of_class].sum()
    scaled: npt.NDArray[np.float64] = shares / shares.mean()
    return scaled
