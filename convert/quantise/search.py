"""Finds the INT8 model with the fewest layers in floating point that still answers as it should.

1. Quantise everything but the head and fit the head anew (``convert.quantise.refit``).
2. If the answers are still too far off, see what every layer loses when it alone is quantised:
   those that lose most come first.
3. Quantise again with the first, the first two, ... of them in floating point, until it is enough.

Judged on validation images and on training images that gave neither ranges nor head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from convert import limits
from convert.images import Fields
from convert.quantise import refit

TOLERANCE: Final = limits.Limit(0.3, equal_argmax=0.993, accuracy_change=0.003, mean_abs=0.003)
"""Nearer than parity asks for: the images it judges are others, and a handful of changed classes
is a matter of chance. The mean difference is not: of two INT8 models with Keras's class on 99.6% of
the images here, the one 0.0045 off had 98.4% on the test part, the one 0.0032 off 99.6%. Nor is the
largest: a model 0.001 off on average and 0.55 in one field lost more of the test part's accuracy
than its limit allows."""

MAX_TOLERANCE: Final = limits.Limit(0.3, equal_argmax=0.99, accuracy_change=0.003, mean_abs=0.004)
"""What the nearest one must keep, where none is within TOLERANCE."""

MAX_FLOATING: Final = 6
"""Layers in floating point that are tried; with more of them INT8 is hardly worth it."""

RANGES: Final = 300
"""Images that give the ranges of activations."""
RANKING: Final = 200
"""Images that rank the layers."""

Floats = npt.NDArray[np.floating[Any]]


class Backend(Protocol):
    """Makes INT8 versions of one graph in some format, as the ``Quantiser`` of ONNX does."""

    def layers(self) -> list[str]:
        """Return the names of the convolutions, in the order of the graph."""

    def quantise(self, floating: Sequence[str], *, correct: bool = True) -> Any:
        """Return the graph in INT8, but for the head and the layers named in ``floating``."""

    def restored(self, model: Any, layers: Sequence[str]) -> Any:
        """Return a copy of ``model`` in which ``layers`` are as before quantisation."""

    def features(self, model: Any, pixels: Any) -> Any:
        """Return what the head sees of ``pixels``, float32 [n, channels]."""

    def head(self) -> refit.Head:
        """Return the head as it was before quantisation."""

    def with_head(self, model: Any, new: refit.Head) -> Any:
        """Return a copy of ``model`` with another head."""

    def logits(self, model: Any, pixels: Any) -> Any:
        """Return the model's logits [n, 4] for ``pixels``."""


@dataclass(frozen=True)
class Found:
    """One quantised model, and how it does on the images it was judged on."""

    model: Any
    floating: tuple[str, ...]
    """Layers in floating point besides the head."""
    layers: int
    """How many layers there are besides the head."""
    refitted: bool
    distance: limits.Distance


def split(train: Fields) -> tuple[Fields, Fields]:
    """Divide training fields into those to fit on and every fifth, to judge on."""
    held = np.arange(len(train)) % 5 == 4
    return train.take(np.flatnonzero(~held)), train.take(np.flatnonzero(held))


def evenly(pixels: npt.NDArray[np.uint8], most: int) -> npt.NDArray[np.uint8]:
    """Take at most ``most`` of the images, evenly over all."""
    count = min(most, len(pixels))
    chosen: npt.NDArray[np.uint8] = pixels[np.arange(count) * len(pixels) // count]
    return chosen


def search(
    backend: Backend,
    fit: tuple[npt.NDArray[np.uint8], Floats],
    judge: tuple[npt.NDArray[np.uint8], Floats, npt.NDArray[np.int64]],
    say: Callable[[str], None],
    margin: float = 0.0,
    within: float | None = None,
) -> Found:
    """Return the first model within TOLERANCE; if none is, the nearest to it.

    Args:
        fit: pixels uint8 [n, ...] and the float model's logits [n, 4] for them.
        judge: the same of other images, and their classes int64 [n] (-1 where unknown).
        margin: see ``limits.clear``.
        within: mean difference of a probability that is near enough, instead of TOLERANCE's.
    """
    layers = backend.layers()
    wanted = TOLERANCE if within is None else TOLERANCE._replace(mean_abs=within)
    least = enough(None, margin)
    best = _one(backend, (), len(layers), fit, judge, margin)
    say(_line(best))
    if not best.distance.misses(wanted):
        return best
    ranked = _ranked(backend, layers, fit)
    say(f"layers by what they lose: {', '.join(ranked[:4])}, ...")
    for count in range(1, min(MAX_FLOATING, len(layers) // 2) + 1):
        candidate = _one(backend, tuple(ranked[:count]), len(layers), fit, judge, margin)
        say(_line(candidate))
        if not candidate.distance.misses(wanted):
            return candidate
        best = min(best, candidate, key=lambda one: _badness(one, least))
    return best


def enough(within: float | None, margin: float) -> limits.Limit:
    """Return what INT8 must keep to be written, given what ``search`` was asked for.

    Over drawn fields, of which only clear ones count, mean and largest difference are no measure.
    They are what is wanted there all the same: nothing comes so near, so every choice is tried and
    the nearest kept.
    """
    if within is not None:
        return MAX_TOLERANCE._replace(mean_abs=within)
    return MAX_TOLERANCE._replace(max_abs=None, mean_abs=None) if margin else MAX_TOLERANCE


def _badness(model: Found, least: limits.Limit) -> tuple[int, float]:
    return len(model.distance.misses(least)), model.distance.mean_abs


def _one(
    backend: Backend,
    floating: tuple[str, ...],
    layers: int,
    fit: tuple[npt.NDArray[np.uint8], Floats],
    judge: tuple[npt.NDArray[np.uint8], Floats, npt.NDArray[np.int64]],
    margin: float,
) -> Found:
    model = backend.quantise(floating)
    try:
        old = backend.head()
        new = refit.solve(backend.features(model, fit[0]), fit[1], old)
        model = backend.with_head(model, new)
        refitted = new is not old
    except refit.HeadError:
        refitted = False
    pixels, wanted, classes = judge
    apart = limits.of_logits(backend.logits(model, pixels), wanted, classes, margin)
    return Found(model, floating, layers, refitted, apart)


def _ranked(
    backend: Backend, layers: list[str], fit: tuple[npt.NDArray[np.uint8], Floats]
) -> list[str]:
    count = min(RANKING, len(fit[0]))
    rows = np.arange(count) * len(fit[0]) // count
    pixels, wanted = fit[0][rows], fit[1][rows]
    model, old = backend.quantise((), correct=False), backend.head()

    def lost(layer: str) -> float:
        alone = backend.restored(model, [other for other in layers if other != layer])
        return refit.remaining(backend.features(alone, pixels), wanted, old)

    return sorted(layers, key=lost, reverse=True)


def _line(model: Found) -> str:
    change = model.distance.accuracy_change
    return (
        f"{len(model.floating)} of {model.layers} layers in floating point: same class on "
        f"{model.distance.equal_argmax:.2%}"
        + (f", accuracy {change * 100:+.2f} points" if change is not None else "")
        + f", probabilities {model.distance.mean_abs:.4f} apart on average, "
        + f"{model.distance.max_abs:.2f} at most"
    )
