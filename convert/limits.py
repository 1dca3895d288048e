"""Says how far an artifact's answers may be from those of the Keras master, and measures it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit import served

Floats = npt.NDArray[np.floating[Any]]

VOTE: Final = "vote"
"""Stands where else the name of a backbone stands."""


class Limit(NamedTuple):
    """How far an artifact may be from its master; None where nothing is asked."""

    max_abs: float | None = None
    """Largest difference of a probability."""
    equal_argmax: float | None = None
    """Least share of images with the class that Keras gives."""
    accuracy_change: float | None = None
    """Share of images by which the accuracy may fall. That it rises is no fault, only chance."""
    mean_abs: float | None = None
    """Mean difference of a probability."""


EXACT: Final = Limit(max_abs=1e-4)
HALF: Final = Limit(equal_argmax=0.995)
INT8: Final = Limit(equal_argmax=0.99, accuracy_change=0.003)
INT8_VOTE: Final = Limit(equal_argmax=0.99, accuracy_change=0.001)


DRAWN_MARGIN: Final = 0.2
"""For drawn fields. Voters never saw any and often hold two classes for nearly equally likely;
which of them comes first then says nothing about a conversion."""


class Distance(NamedTuple):
    """How far one artifact is from its master, over the same images."""

    images: int
    clear: int
    """How many of them count for ``equal_argmax``."""
    max_abs: float
    mean_abs: float
    equal_argmax: float
    accuracy: float | None
    """Accuracy of the artifact; None where no image has a class."""
    accuracy_change: float | None

    def misses(self, limit: Limit) -> list[str]:
        """Return every part of ``limit`` that does not hold, in words."""
        missed = []
        if limit.max_abs is not None and not self.max_abs <= limit.max_abs:
            missed.append(
                f"largest probability difference {self.max_abs:.2g}, at most {limit.max_abs:.2g}"
            )
        if limit.mean_abs is not None and not self.mean_abs <= limit.mean_abs:
            missed.append(
                f"mean probability difference {self.mean_abs:.2g}, at most {limit.mean_abs:.2g}"
            )
        if limit.equal_argmax is not None and not self.equal_argmax >= limit.equal_argmax:
            missed.append(
                f"equal argmax {self.equal_argmax:.2%}, at least {limit.equal_argmax:.1%}"
            )
        if limit.accuracy_change is not None and self.accuracy_change is not None:
            most, change = limit.accuracy_change, self.accuracy_change
            # A share of whole images in floating point: 0.003 must not fail by its last digit.
            if not -change <= most + 1e-9:
                missed.append(f"accuracy {change * 100:+.2f} points, at most {most * 100:g}")
        return missed

    def record(self) -> dict[str, Any]:
        """Return the distance for JSON, its numbers rounded to what was measured."""
        return {
            name: round(value, 7) if isinstance(value, float) else value
            for name, value in self._asdict().items()
        }


def softmax(logits: Floats) -> Floats:
    """Return the probabilities [n, 4] of logits [n, 4], as the vote computes them."""
    probabilities: Floats = served.majority.softmax(logits)
    return probabilities


def of_logits(
    logits: Floats, expected: Floats, classes: npt.NDArray[np.int64], margin: float
) -> Distance:
    """Return the ``distance`` of logits [n, 4].

    Only images whose expected logits are ``clear`` count.
    """
    keras = softmax(expected)
    return distance(softmax(logits), keras, classes, counts=clear(keras, margin))


def clear(probabilities: Floats, margin: float) -> npt.NDArray[np.bool_]:
    """Return where the most probable of four classes [n, 4] leads by ``margin``, bool [n]."""
    first_two = np.sort(probabilities, 1)[:, -2:]
    return np.asarray(first_two[:, 1] - first_two[:, 0] >= margin)


def distance(
    probabilities: Floats,
    expected: Floats,
    classes: npt.NDArray[np.int64],
    named: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
    counts: npt.NDArray[np.bool_] | None = None,
) -> Distance:
    """Compare probabilities [n, 4]; ``classes`` is int64 [n], -1 where the class is unknown.

    Args:
        named: the class that each says, found and expected, where it is not the most probable one.
        counts: bool [n], the images that count for ``equal_argmax``; None counts all.

    Raises:
        ValueError: the artifact gave something that is no number.
    """
    if not np.isfinite(probabilities).all():
        raise ValueError(
            f"{int((~np.isfinite(probabilities)).any(1).sum())} answers are no finite numbers"
        )
    apart = np.abs(probabilities.astype(np.float64) - expected.astype(np.float64))
    found_classes, expected_classes = named or (probabilities.argmax(1), expected.argmax(1))
    counts = np.ones(len(probabilities), bool) if counts is None else counts
    if not counts.any():
        raise ValueError(
            f"Keras is sure of none of the {len(probabilities)} images; nothing to compare"
        )
    known = classes >= 0
    accuracy, change = None, None
    if known.any():
        accuracy = float((found_classes == classes)[known].mean())
        change = accuracy - float((expected_classes == classes)[known].mean())
    return Distance(
        len(probabilities),
        int(counts.sum()),
        float(apart.max()),
        float(apart.mean()),
        float((found_classes == expected_classes)[counts].mean()),
        accuracy,
        change,
    )
