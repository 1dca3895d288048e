"""Decides how often training meets each image: by weights of the loss, or by the order of an epoch.

A class (or a slide) with few images is met less often, and a backbone that is scored by its mean
loss learns to name it less often. Weights make its images count more; a balanced order shows them
more often. Balancing slides keeps a class from being learned as the stain of its largest slide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from training.data.samples import DatasetError, Sample

KINDS = ("none", "class", "slide")


def weights(samples: Sequence[Sample], by: str = "class") -> npt.NDArray[np.float32]:
    """Return the weight of each sample in the loss, float32 [n], with mean 1.

    none   every sample the same.
    class  every class the same in sum.
    slide  every class the same in sum, and within a class every slide the same.

    A sample without a slide's name shares one slide with its like of the same class.

    Raises:
        DatasetError: no sample, or an unknown ``by``.
    """
    shares = np.zeros(len(samples))
    for slides in _nested(samples, by):
        for members in slides:
            shares[members] = 1 / (len(slides) * len(members))
    scaled: npt.NDArray[np.float32] = (shares / shares.mean()).astype(np.float32)
    return scaled


def order(
    samples: Sequence[Sample], rng: np.random.Generator, by: str = "none"
) -> npt.NDArray[np.int64]:
    """Return the indices of one epoch in the order to be met, int64 [n].

    ``by`` is as for ``weights``.

    With "none" every sample comes once. Otherwise classes take turns (within each turn in random
    order), and so do the slides of a class, so that any stretch of the epoch is balanced to within
    one turn. A slide's samples come in random order, all of them before one comes again: small
    slides repeat theirs, and of large ones an epoch shows a part.

    Raises:
        DatasetError: no sample, or an unknown ``by``.
    """
    nested = _nested(samples, by)
    if by == "none":
        return rng.permutation(len(samples)).astype(np.int64)
    length = -(-len(samples) // len(nested))
    classes = [_turns([_deck(m, rng) for m in slides], length, rng) for slides in nested]
    return _turns(classes, len(samples), rng)


def _nested(samples: Sequence[Sample], by: str) -> list[list[npt.NDArray[np.int64]]]:
    """Return indices of the samples, by class and within it by slide, as far as ``by`` asks."""
    if by not in KINDS:
        raise DatasetError(f"cannot balance by {by!r}; choose {', '.join(KINDS)}")
    if not samples:
        raise DatasetError("there is no sample to balance")
    classes: dict[Hashable, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, sample in enumerate(samples):
        subtype = None if by == "none" else sample.subtype
        classes[subtype][sample.slide if by == "slide" else ""].append(index)
    return [[np.array(members) for members in slides.values()] for slides in classes.values()]


def _deck(members: npt.NDArray[np.int64], rng: np.random.Generator) -> Iterator[int]:
    """Yield all members in random order, endlessly, shuffled anew each time."""
    while True:
        yield from rng.permutation(members)


def _turns(
    sources: Sequence[Iterable[int]], length: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Yield ``length`` indices: of every source one in each turn, the sources in random order."""
    decks = [iter(source) for source in sources]
    taken: list[int] = []
    while len(taken) < length:
        taken += [int(next(decks[place])) for place in rng.permutation(len(decks))]
    return np.array(taken[:length], np.int64)
