from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from training.augment import random_view
from training.augment.mixing import Donors
from training.augment.random_view import PLAIN, AugmentConfig

FULL = dataclasses.replace(
    AugmentConfig(),
    **dict.fromkeys(("untouched_colour", "transfer"), 0.0),
    **dict.fromkeys(("fourier", "illumination", "bar", "jpeg", "noise"), 1.0),
)
"""All that a view may cost, in every view."""


def rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def donors(smears: dict[str, np.ndarray]) -> Donors:
    return Donors(np.stack(list(smears.values())), list(smears))


@pytest.mark.parametrize("config", [AugmentConfig(), FULL])
def test_a_view_follows_from_its_key_alone(smears: dict[str, np.ndarray], config: AugmentConfig):
    """A training that was killed goes on with the same views, whatever was made before them."""
    pool, field = donors(smears), smears["purple"]

    def view(*key: int) -> np.ndarray:
        return random_view.view(
            field, 64, rng(*key), config, partner=lambda r: pool.other(0, r), render=np.flipud
        )

    first = [view(0, 1, index) for index in range(6)]
    again = [view(0, 1, index) for index in reversed(range(6))][::-1]
    np.testing.assert_array_equal(first, again)
    assert all((one != other).any() for one, other in itertools.pairwise(first))
    assert (view(0, 2, 0) != first[0]).any()
    assert (view(1, 1, 0) != first[0]).any()


def test_views_never_change_the_field(smears: dict[str, np.ndarray]) -> None:
    """They are read only here, and stay so in a training's memory; a view is its own array."""
    field = smears["blue"]
    for index in range(8):
        view = random_view.view(field, 224, rng(index), FULL)
        assert view.shape == (224, 224, 3)
        assert view.dtype == np.uint8
        assert view.flags.writeable
        assert not np.shares_memory(view, field)


def test_without_jitter_colours_stay(noise: np.ndarray) -> None:
    noise[:] = (200, 120, 180)
    for index in range(8):
        off = random_view.view(noise, 64, rng(index), PLAIN).astype(int) - (200, 120, 180)
        assert abs(off).max() <= 1


def test_an_untouched_field_appears_as_it_is(noise: np.ndarray) -> None:
    config = dataclasses.replace(PLAIN, untouched_colour=1.0)
    np.testing.assert_array_equal(random_view.appearance(noise, rng(0), config), noise)


def test_the_masked_corner_stays_as_serving_masks_it(smears: dict[str, np.ndarray]) -> None:
    """No bar and no colour that serving would have masked may be seen in training."""
    pool = donors(smears)
    for index in range(20):
        seen = random_view.appearance(smears["grey"], rng(index), FULL, lambda r: pool.other(2, r))
        assert (seen[188:, 188:] == 128).all()


def test_render_sees_the_whole_field_with_its_mask(smears: dict[str, np.ndarray]) -> None:
    seen = []

    def render(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels)
        return np.full_like(pixels, 77)

    view = random_view.view(smears["pink"], 96, rng(0), AugmentConfig(), render=render)
    assert seen[0].shape == (224, 224, 3)
    assert (seen[0][188:, 188:] == 128).all()
    assert (view == 77).all()


def test_a_pair_has_one_place_and_two_stains(smears: dict[str, np.ndarray]) -> None:
    config = dataclasses.replace(AugmentConfig(), untouched_colour=0, bar=0, noise=0)
    for index in range(6):
        first, second = random_view.pair(smears["pink"], 96, rng(index), config)
        single = random_view.view(smears["pink"], 96, rng(index), config)
        np.testing.assert_array_equal(first, single)
        assert abs(first.mean((0, 1)) - second.mean((0, 1))).max() > 1
        # The same structures lie in the same places, however dark.
        green = np.corrcoef(first[..., 1].ravel(), second[..., 1].ravel())[0, 1]
        elsewhere = random_view.view(smears["pink"], 96, rng(index, 1), config)
        other = np.corrcoef(first[..., 1].ravel(), elsewhere[..., 1].ravel())[0, 1]
        assert green > 0.7 > other


@pytest.mark.parametrize(
    "wrong", [np.zeros((112, 112, 3), np.uint8), np.zeros((224, 224, 3), np.float32)]
)
def test_what_is_no_field_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a field must be uint8"):
        random_view.view(wrong, 64, rng(0), AugmentConfig())
    with pytest.raises(ValueError, match="a field must be uint8"):
        random_view.pair(wrong, 64, rng(0), AugmentConfig())
