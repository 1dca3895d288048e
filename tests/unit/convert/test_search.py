"""The search's order and choice, on a backend whose layers lose what the test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from convert import limits
from convert.quantise import refit, search

IMAGES = 200


@dataclass
class Layers:
    """A "model" is the set of layers that are quantised; each adds its noise to the features."""

    noise: dict[str, float]
    asked: list[tuple[str, ...]]

    def layers(self) -> list[str]:
        return list(self.noise)

    def quantise(self, floating: Sequence[str], *, correct: bool = True) -> frozenset[str]:
        if correct:
            self.asked.append(tuple(floating))
        return frozenset(self.noise) - set(floating)

    def restored(self, model: frozenset[str], layers: Sequence[str]) -> frozenset[str]:
        return model - set(layers)

    def features(self, model: frozenset[str], pixels: Any) -> np.ndarray:
        found = pixels.copy()
        for layer in sorted(model):
            draw = np.random.default_rng([len(layer), *layer.encode()])
            found = found + draw.normal(0, 1, (IMAGES, 4))[: len(pixels)] * self.noise[layer]
        return found

    def head(self) -> refit.Head:
        return refit.Head(np.eye(4), np.zeros(4))

    def with_head(self, model: frozenset[str], new: refit.Head) -> frozenset[str]:
        return model

    def logits(self, model: frozenset[str], pixels: Any) -> np.ndarray:
        return self.features(model, pixels)


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    logits = np.eye(4)[np.arange(IMAGES) % 4] * 2.0
    return logits, np.arange(IMAGES) % 4


def find(backend: Layers, images: tuple[np.ndarray, np.ndarray]) -> search.Found:
    logits, classes = images
    return search.search(backend, (logits, logits), (logits, logits, classes), lambda _: None)


def test_nothing_stays_in_floating_point_where_nothing_loses(images) -> None:  # type: ignore[no-untyped-def]
    backend = Layers({"a": 0.001, "b": 0.002}, [])
    assert find(backend, images).floating == ()
    assert backend.asked == [()]


def test_the_layers_that_lose_most_stay_and_no_others(images) -> None:  # type: ignore[no-untyped-def]
    backend = Layers({"a": 0.002, "b": 2.0, "c": 0.003, "d": 4.0, "e": 0.001}, [])
    found = find(backend, images)
    assert found.floating == ("d", "b")
    assert found.distance.equal_argmax == 1
    assert backend.asked == [(), ("d",), ("d", "b")]


def test_nearer_can_be_asked_for(images) -> None:  # type: ignore[no-untyped-def]
    logits, classes = images
    backend = Layers({"a": 0.002, "b": 0.01}, [])
    ask = (backend, (logits, logits), (logits, logits, classes), lambda _: None)
    loose, near = search.search(*ask), search.search(*ask, within=0.0005)
    assert loose.floating == ()
    assert near.floating == ("b",)
    assert near.distance.mean_abs < 0.0005 < loose.distance.mean_abs
    assert loose.distance.misses(search.enough(0.0005, 0.0))


def test_where_none_is_enough_the_nearest_is_given_and_says_so(images) -> None:  # type: ignore[no-untyped-def]
    backend = Layers(dict.fromkeys("abcdefghijkl", 2.0), [])
    found = find(backend, images)
    assert len(backend.asked) == 1 + search.MAX_FLOATING
    assert found.distance.misses(search.TOLERANCE)


def test_over_drawn_fields_every_choice_is_tried_and_the_nearest_is_kept(images) -> None:  # type: ignore[no-untyped-def]
    logits, classes = images
    backend = Layers({name: 0.02 * place for place, name in enumerate("abcdefghijkl", 1)}, [])
    ask = (backend, (logits, logits), (logits, logits, classes), lambda _: None)
    found = search.search(*ask, margin=limits.DRAWN_MARGIN)
    assert len(backend.asked) == 1 + search.MAX_FLOATING
    assert found.floating == ("l", "k", "j", "i", "h", "g")
    assert found.distance.mean_abs > search.TOLERANCE.mean_abs
    assert not found.distance.misses(search.enough(None, limits.DRAWN_MARGIN))


def test_every_fifth_training_image_is_kept_to_judge_on(seen: Any) -> None:
    fit, held = search.split(seen)
    assert len(held) == len(seen) // 5
    assert len(fit) + len(held) == len(seen)
    np.testing.assert_array_equal(held.pixels[0], seen.pixels[4])
