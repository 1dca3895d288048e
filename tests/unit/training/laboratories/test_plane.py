"""A cell looks alike under another lamp, on black and in a crowd, and keeps its size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from training.laboratories import plane

SIDE = 80
WHITE = np.full(3, 240, np.float32)


def _cell(radius: int = 22, *, light: float = 240, canvas: float | None = None) -> np.ndarray:
    """A round cell with darker clumps; ``canvas`` is the level around it."""
    clumps = np.random.default_rng(0).uniform(0.3, 0.9, (10, 10))
    density = cv2.resize(clumps, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    inside = _disk(radius)
    level = light * 10 ** (-density)
    grey = np.where(inside, level, light if canvas is None else canvas)
    return np.repeat(np.rint(grey)[..., None], 3, 2).astype(np.uint8)


def _shown(*given: Any) -> np.ndarray:
    return plane.see(*given).plane


def _disk(radius: int, x: float = 40) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.asarray((rows - 40) ** 2 + (columns - x) ** 2 <= radius**2)


NOBODY = np.zeros((SIDE, SIDE), bool)


def test_the_percentiles_of_a_cell_get_the_same_levels_and_all_around_is_white() -> None:
    found = _shown(_cell(), _disk(22), NOBODY, WHITE, 0.5)
    inside = found[_disk(21)]
    assert np.percentile(inside, 5) == pytest.approx(plane.DARK, abs=8)
    assert np.percentile(inside, 90) == pytest.approx(plane.PALE, abs=8)
    assert (found[~_disk(26)] == plane.OUTSIDE).all()


def test_a_dimmer_lamp_changes_nothing() -> None:
    bright = _shown(_cell(), _disk(22), NOBODY, WHITE, 1.0)
    dim = _shown(_cell(light=150), _disk(22), NOBODY, np.full(3, 150, np.float32), 1.0)
    inside = _disk(20)
    assert np.abs(bright[inside].astype(int) - dim[inside]).mean() < 3


def test_a_cell_on_black_looks_as_the_same_cell_on_white() -> None:
    white = _shown(_cell(), _disk(22), NOBODY, WHITE, 1.0)
    black = _shown(_cell(canvas=0), _disk(22), NOBODY, np.full(3, 255, np.float32), 1.0)
    inside = _disk(17)
    assert np.abs(white[inside].astype(int) - black[inside]).mean() < 8


def test_a_neighbour_is_not_seen() -> None:
    rgb = _cell()
    neighbour = _disk(10, x=75)
    rgb[neighbour] = 20
    alone = _shown(_cell(), _disk(22), NOBODY, WHITE, 1.0)
    crowded = _shown(rgb, _disk(22), neighbour, WHITE, 1.0)
    assert np.array_equal(alone, crowded)


def test_a_larger_cell_stays_larger() -> None:
    areas = [
        (_shown(_cell(r), _disk(r), NOBODY, WHITE, 1.0) < plane.OUTSIDE).sum() for r in (12, 24)
    ]
    assert areas[1] > 3 * areas[0]


def test_nothing_to_be_seen_is_white() -> None:
    found = _shown(_cell(), NOBODY, NOBODY, WHITE, 1.0)
    assert (found == plane.OUTSIDE).all()


def test_fine_files_are_blurred_to_the_sharpness_of_coarse_ones() -> None:
    coarse, fine = plane.blur(17.5, 28), plane.blur(160, 28)
    assert coarse < fine < plane.TARGET_BLUR + 1e-9
    total = [np.hypot(plane.blur(r, 28), plane.OWN_BLUR * 28 / r) for r in (17.5, 160)]
    assert total == pytest.approx([plane.TARGET_BLUR] * 2)
