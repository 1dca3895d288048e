from __future__ import annotations

import numpy as np
import pytest

from training import augment

PLAIN = augment.Strength(
    zoom=(1, 1),
    stain_scale=0,
    stain_shift=0,
    saturation=0,
    hue_degrees=0,
    untouched_colour=0,
    blur=0,
    jpeg=0,
)


@pytest.fixture
def field() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)


def view(field: np.ndarray, key: list[int], strength: augment.Strength, side: int = 64):
    return augment.view(field, side, np.random.default_rng(key), strength)


def test_a_view_follows_from_its_key_alone(field: np.ndarray) -> None:
    first = view(field, [0, 1, 2], augment.Strength())
    np.testing.assert_array_equal(first, view(field, [0, 1, 2], augment.Strength()))
    assert (first != view(field, [0, 1, 3], augment.Strength())).any()
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8


def test_without_jitter_colours_stay(field: np.ndarray) -> None:
    field[:] = (200, 120, 180)
    for index in range(8):
        off = view(field, [index], PLAIN).astype(int) - (200, 120, 180)
        assert abs(off).max() <= 1


def test_a_view_shows_nothing_but_the_field(field: np.ndarray) -> None:
    """Beyond its border the field is mirrored: nothing black is filled in."""
    field[:] = 255
    for index in range(16):
        assert view(field, [index], PLAIN, side=224).min() >= 254


def test_hue_and_saturation_leave_grey_grey(field: np.ndarray) -> None:
    field[:] = 140
    strength = augment.Strength(stain_scale=0, stain_shift=0, untouched_colour=0, blur=0, jpeg=0)
    for index in range(8):
        assert abs(view(field, [index], strength).astype(int) - 140).max() <= 1


def test_stain_jitter_moves_the_colour_far(field: np.ndarray) -> None:
    field[:] = (200, 120, 180)
    colours = np.array([view(field, [i], augment.Strength())[32, 32] for i in range(64)])
    assert (colours.std(0) > 10).all()


def test_views_reach_all_parts_of_the_field(field: np.ndarray) -> None:
    """A field whose colour tells the place: views must come from near every corner."""
    rows, columns = np.mgrid[:224, :224]
    field[:] = np.stack([rows, columns, np.full_like(rows, 128)], -1)
    centres = np.array([view(field, [i], PLAIN)[32, 32, :2] for i in range(200)])
    assert (centres.min(0) < 45).all()
    assert (centres.max(0) > 179).all()
