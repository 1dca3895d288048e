"""Fits the dense head to what a rounded trunk gives, so that it answers as the whole model did.

Rounding the convolutions shifts and bends the pooled features a little, in the same way for every
image, and a head with large weights makes much of it. The head itself stays in floating point and
is linear, so the best answer to that is a convex one: ridge regression from the rounded features
to the logits of the model in floating point, drawn towards the head as it was. No label is used.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

PENALTIES: Final = (1e-3, 1e-2, 1e-1, 1.0)
FOLDS: Final = 4
MIN_IMAGES: Final = 16
"""Fewer images than this fit no head; it stays as it was."""


class Head(NamedTuple):
    """A dense head: its kernel and its bias."""

    kernel: Floats
    """[channels, 4]"""
    bias: Floats
    """[4]"""

    def logits(self, features: Floats) -> Floats:
        """Return the logits [n, 4] of pooled features [n, channels]."""
        logits: Floats = features @ self.kernel + self.bias
        return logits


class HeadError(ValueError):
    """The graph does not end in one dense layer that could be fitted."""


def solve(features: Floats, wanted: Floats, head: Head) -> Head:
    """Return the head that best gives ``wanted`` [n, 4] from ``features`` [n, channels].

    The penalty on the distance from ``head`` is the one that does best in cross-validation. Where
    none does better than ``head`` as it was, that is what is given.
    """
    if len(features) < MIN_IMAGES:
        return head
    errors = [_held_out(features, wanted, head, penalty) for penalty in PENALTIES]
    if min(errors) >= float(np.abs(head.logits(features) - wanted).mean()):
        return head
    return _ridge(features, wanted, head, PENALTIES[int(np.argmin(errors))])


def remaining(features: Floats, wanted: Floats, head: Head) -> float:
    """Return the mean difference of logits that ``solve`` leaves on images it did not see."""
    before = float(np.abs(head.logits(features) - wanted).mean())
    if len(features) < MIN_IMAGES:
        return before
    return min(before, *(_held_out(features, wanted, head, penalty) for penalty in PENALTIES))


def _held_out(features: Floats, wanted: Floats, head: Head, penalty: float) -> float:
    fold = np.arange(len(features)) % FOLDS
    differences = [
        np.abs(
            _ridge(features[fold != one], wanted[fold != one], head, penalty).logits(
                features[fold == one]
            )
            - wanted[fold == one]
        ).mean()
        for one in range(FOLDS)
    ]
    return float(np.mean(differences))


def _ridge(features: Floats, wanted: Floats, head: Head, penalty: float) -> Head:
    features, wanted = features.astype(np.float64), wanted.astype(np.float64)
    kernel = head.kernel.astype(np.float64)
    centre = features.mean(0)
    # A channel that is the same everywhere tells nothing: it keeps its weights.
    spread = features.std(0)
    spread = np.where(spread > 1e-6, spread, np.inf)
    scaled = (features - centre) / spread
    missing = wanted - features @ kernel
    gram = scaled.T @ scaled + penalty * len(scaled) * np.eye(scaled.shape[1])
    change = np.linalg.solve(gram, scaled.T @ (missing - missing.mean(0))) / spread[:, None]
    return Head(kernel + change, missing.mean(0) - centre @ change)
