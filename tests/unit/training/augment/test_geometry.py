from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.augment import geometry, nuclei
from training.augment.config import PLAIN


def view(
    field: np.ndarray, index: int, side: int = 64, mask: np.ndarray | None = None, **knobs
) -> np.ndarray:
    config = dataclasses.replace(PLAIN, **knobs)
    place = geometry.draw(field, side, np.random.default_rng(index), config, mask)
    return geometry.cut(field, place)


@pytest.fixture
def places() -> np.ndarray:
    """A field whose colour tells the place: red the row, green the column."""
    rows, columns = np.mgrid[:224, :224]
    return np.stack([rows, columns, np.full_like(rows, 128)], -1).astype(np.uint8)


def test_a_view_shows_nothing_but_the_field(noise: np.ndarray) -> None:
    """Beyond its border the field is mirrored: nothing black is filled in."""
    noise[:] = 255
    for index in range(16):
        assert view(noise, index, side=224).min() >= 254


def test_views_reach_all_parts_of_the_field(places: np.ndarray) -> None:
    centres = np.array([view(places, i)[32, 32, :2] for i in range(200)])
    assert (centres.min(0) < 45).all()
    assert (centres.max(0) > 179).all()


def test_views_are_turned_and_flipped_every_way(places: np.ndarray) -> None:
    headings, hands = [], []
    for index in range(200):
        small = view(places, index, side=32).astype(float)[..., :2]
        across, down = small[16, 17] - small[16, 15], small[17, 16] - small[15, 16]
        headings.append(np.degrees(np.arctan2(across[0], across[1])) % 360)
        hands.append(np.sign(across[1] * down[0] - across[0] * down[1]))
    assert len(np.unique(np.array(headings) // 45)) == 8
    assert 60 < hands.count(1.0) < 140


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0])
def test_zoom_is_pixels_of_the_view_per_pixel_of_the_field(places: np.ndarray, zoom: float) -> None:
    small = view(places, 3, side=32, zoom=(zoom, zoom)).astype(float)[..., :2]
    step = np.linalg.norm(small[16, 24] - small[16, 8]) / 16
    assert step == pytest.approx(1 / zoom, abs=0.1)


def test_stretch_makes_squashed_cells_round() -> None:
    """A cell 0.77 as wide as high is round at a stretch of 1.3, at any angle, its area kept."""
    y, x = np.mgrid[:224, :224] - 111.5
    field = np.where((x / (20 * 0.877)) ** 2 + (y / (20 / 0.877)) ** 2 < 1, 0, 255)
    field = np.repeat(field[..., None], 3, axis=2).astype(np.uint8)
    for index in range(6):
        # A view of the whole field keeps its middle within 9 pixels.
        cell = view(field, index, side=224, stretch=(1.3, 1.3))[..., 0] < 128
        spread = np.linalg.eigvalsh(np.cov(np.argwhere(cell).T))
        assert spread[1] / spread[0] == pytest.approx(1, abs=0.06)
        assert cell.sum() == pytest.approx(np.pi * 400, rel=0.03)


def test_fine_texture_is_averaged_where_pixels_are_dropped(noise: np.ndarray) -> None:
    """Noise of deviation 74 must not come through a view of half the size unaveraged."""
    half = np.mean([view(noise, index, zoom=(0.5, 0.5)).std() for index in range(8)])
    assert half < 40


def test_partial_views_find_nuclei(places: np.ndarray) -> None:
    mask = np.zeros((224, 224), bool)
    mask[100:120, 60:80] = True
    centres = np.array(
        [view(places, i, mask=mask, on_nuclei=1.0)[32, 32, :2] for i in range(40)], float
    )
    assert (abs(centres - (110, 70)) <= 12).all()
    # Without nuclei, or on whole fields, views are cut as if there were no mask.
    for given, side in ((np.zeros_like(mask), 64), (mask, 224)):
        np.testing.assert_array_equal(
            view(places, 5, side=side, mask=given, on_nuclei=1.0),
            view(places, 5, side=side, on_nuclei=1.0),
        )


def test_centres_lie_on_every_nucleus_and_on_nothing_else() -> None:
    mask = np.zeros((224, 224), bool)
    mask[10:30, 10:30] = mask[150:210, 40:100] = mask[60:70, 190:200] = True
    mask[0:3, 100:103] = True  # dirt
    centres = nuclei.centres(mask, np.random.default_rng(0), 300)
    assert centres.shape == (300, 2)
    x, y = centres.astype(int).T
    assert mask[y, x].all()
    assert not (y < 3).any()
    # Each nucleus is as likely as any other, whatever its size.
    assert all(
        70 < (abs(y - row) <= reach).sum() < 130 for row, reach in ((20, 10), (180, 30), (65, 5))
    )
    assert nuclei.centres(np.zeros_like(mask), np.random.default_rng(0)).shape == (0, 2)
