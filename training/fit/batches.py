"""Draws the views that a training sees, ahead of the backbone, in other threads.

Every random draw is keyed on the seed, the epoch and the place in the epoch, so an epoch that is
taken up again in its middle goes on with the very batches it would have had.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from training.augment import random_view
from training.augment.config import AugmentConfig
from training.augment.mixing import Donors
from training.data import balance
from training.data import samples as dataset
from training.data.samples import Sample

PART = (0.6, 1.1)
"""Zoom of views that show a part of their field."""
WHOLE = (0.9, 1.2)
"""Zoom of views that show nearly all of it."""

AHEAD = 3
"""Batches that are made while the backbone works on one."""


@dataclass(frozen=True)
class Images:
    """Fields in memory: a training part in colour, a validation part as the backbones see it."""

    pixels: npt.NDArray[np.uint8]
    """uint8 [n, 224, 224, 3]."""
    samples: Sequence[Sample]
    """What each field is."""
    nuclei: npt.NDArray[np.bool_] | None = None
    """bool [n, 224, 224]: where nuclei are, for views cut around them."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The class indexes [n]."""
        return dataset.targets(self.samples)

    @property
    def slides(self) -> list[str]:
        """The slide of each field; where none is known, the fields of a class count as one."""
        return [sample.slide or sample.named for sample in self.samples]

    def digest(self) -> str:
        """Return SHA-256 over pixels and classes, equal for equal images in equal order."""
        total = hashlib.sha256(np.ascontiguousarray(self.pixels).data)
        total.update(self.targets.data)
        return total.hexdigest()


class Cut(NamedTuple):
    """What a view shows of its field."""

    side: int
    """Height and width of the view, pixels."""
    zoom: tuple[float, float]
    """Pixels of the view per pixel of the field, log-uniform between the two."""


@dataclass(frozen=True)
class Drawing:
    """How batches are drawn from the training fields."""

    batch: int = 32
    """Fields of a step."""
    balance: str = "weights"
    """"weights" weighs the loss by class, "class" and "slide" draw as often from every class or
    slide, "none" does nothing."""
    mixup: float = 0.0
    """Views are blended with each other by a share drawn from Beta(mixup, mixup); 0 not at all."""
    pairs: bool = False
    """Whether each field is shown twice, in different stains."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True)
class Batch:
    """One step: b views, or 2 b where pairs are asked for (second views in the second half)."""

    pixels: npt.NDArray[np.uint8]
    """uint8 [b, side, side, 3]."""
    targets: npt.NDArray[np.float32]
    """Soft one-hot classes float32 [b, 4]."""
    weights: npt.NDArray[np.float32]
    """Loss weights float32 [b]."""
    slides: npt.NDArray[np.int64]
    """Index of each view's slide in ``Source.slides``, int64 [b]."""


class Source:
    """Draws the batches of every epoch of one training."""

    def __init__(
        self, train: Images, drawing: Drawing, seed: int, render: random_view.Render | None = None
    ) -> None:
        """Take the images; ``render`` turns colour into what the backbones see, None keeps it."""
        self.slides, members = np.unique(train.slides, return_inverse=True)
        self._members: npt.NDArray[np.int64] = members.astype(np.int64)
        self._targets = train.targets
        self._train, self._drawing, self._seed, self._render = train, drawing, seed, render
        self._donors = Donors(train.pixels, train.slides)
        self._size = min(drawing.batch, len(train))
        by = "class" if drawing.balance == "weights" else "none"
        self._weights = balance.weights(train.samples, by)

    @property
    def steps(self) -> int:
        """The steps of an epoch; a last, smaller batch is left out (the next order is another)."""
        return len(self._train) // self._size

    @property
    def views(self) -> int:
        """The number of views in a batch."""
        return self._size * (2 if self._drawing.pairs else 1)

    def epoch(self, cut: Cut, epoch: int, start: int = 0, workers: int = 1) -> Generator[Batch]:
        """Yield the batches of an epoch from step ``start`` on, made by ``workers`` threads."""
        order = self._order(epoch)
        steps = iter(range(start, self.steps))
        with ThreadPoolExecutor(workers) as pool:

            def submit(count: int) -> Iterator[Future[Batch]]:
                for step in itertools.islice(steps, count):
                    yield pool.submit(self._batch, order, cut, epoch, step)

            waiting = deque(submit(max(AHEAD, 2 * workers)))
            try:
                while waiting:
                    batch = waiting.popleft().result()
                    waiting.extend(submit(1))
                    yield batch
            finally:
                pool.shutdown(cancel_futures=True)

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng([self._seed, epoch])
        by = self._drawing.balance
        return balance.order(self._train.samples, rng, "none" if by == "weights" else by)

    def _batch(self, order: npt.NDArray[np.int64], cut: Cut, epoch: int, step: int) -> Batch:
        places = range(step * self._size, (step + 1) * self._size)
        chosen = order[places.start : places.stop]
        seen = [self._views(cut, epoch, p, i) for p, i in zip(places, chosen, strict=True)]
        pixels = np.stack([views[k] for k in range(len(seen[0])) for views in seen])
        targets = np.eye(len(SUBTYPES), dtype=np.float32)[self._targets[chosen]]
        if self._drawing.mixup:
            rng = np.random.default_rng([self._seed, epoch, step, 1])
            pixels, targets = mixed_up(pixels, targets, self._drawing.mixup, rng)
        repeat = len(seen[0])
        return Batch(
            pixels,
            np.tile(targets, (repeat, 1)),
            np.tile(self._weights[chosen], repeat),
            np.tile(self._members[chosen], repeat),
        )

    def _views(
        self, cut: Cut, epoch: int, place: int, index: int
    ) -> tuple[npt.NDArray[np.uint8], ...]:
        config = dataclasses.replace(self._drawing.augment, zoom=cut.zoom)
        options: dict[str, Any] = {
            "partner": lambda rng: self._donors.other(index, rng),
            "render": self._render,
            "nuclei": None if self._train.nuclei is None else self._train.nuclei[index],
        }
        pixels = self._train.pixels[index]
        rng = np.random.default_rng([self._seed, epoch, place])
        if self._drawing.pairs:
            return random_view.pair(pixels, cut.side, rng, config, **options)
        return (random_view.view(pixels, cut.side, rng, config, **options),)


def mixed_up(
    pixels: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.float32],
    alpha: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Blend every view and its target with another of the batch (Zhang et al., arXiv 1710.09412).

    Each field keeps the larger share of itself, so that its slide and weight stay right. Where
    ``pixels`` holds pairs (a multiple of ``targets`` [b, 4]), all views of a field are blended
    with those of the same partner.
    """
    count = len(targets)
    share = rng.beta(alpha, alpha, count).astype(np.float32)
    share = np.maximum(share, 1 - share)
    partner = rng.permutation(count)
    views = pixels.reshape(-1, count, *pixels.shape[1:]).astype(np.float32)
    own = share[None, :, None, None, None]
    blended = own * views + (1 - own) * views[:, partner]
    own = share[:, None]
    return (
        np.rint(blended).astype(np.uint8).reshape(pixels.shape),
        own * targets + (1 - own) * targets[partner],
    )
