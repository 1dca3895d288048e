"""Leukocytes that are laid onto a smaller square keep every pixel and their distance."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import packing

SIDES = range(16, 56, 4)


def field(*boxes: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    pixels = np.full((224, 224, 3), 255, np.uint8)
    for number, (top, left, high, wide) in enumerate(boxes):
        pixels[top : top + high, left : left + wide] = 10 + number
    return pixels


CELLS = field((0, 0, 20, 24), (60, 100, 31, 31), (180, 8, 40, 20), (100, 201, 20, 23))


def test_a_blank_field_has_no_part_to_be_computed() -> None:
    blank = packing.occupied(field(), 4)
    assert not blank.any()
    assert packing.rectangle(blank, 2) == packing.bands(blank, 2) == 0
    assert packing.packed(blank, 1, SIDES).side == SIDES[0]


def test_rectangle_and_bands_end_at_the_field() -> None:
    blocks = packing.occupied(field((0, 0, 8, 8), (0, 216, 8, 8)), 8)
    assert packing.rectangle(blocks, 0) == 1 / 28
    assert packing.bands(blocks, 0) == 2 / 28**2
    assert packing.rectangle(blocks, 1) == 2 / 28
    assert packing.bands(blocks, 1) == 2 * 4 / 28**2


def test_every_pixel_of_a_cell_is_on_the_square_once() -> None:
    layout = packing.packed(packing.occupied(CELLS, 4), 1, SIDES)
    drawn = packing.canvas(CELLS, 4, layout)
    assert drawn.shape == (layout.side * 4, layout.side * 4, 3)
    assert drawn.shape[0] <= 112
    before, after = (np.unique(each, return_counts=True) for each in (CELLS, drawn))
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1][:-1], after[1][:-1])  # all but white


def test_pieces_on_the_square_stay_a_gap_apart() -> None:
    for gap in (1, 2):
        layout = packing.packed(packing.occupied(CELLS, 4), gap, SIDES)
        drawn = packing.occupied(packing.canvas(CELLS, 4, layout), 4).astype(np.uint8)
        count, labels = cv2.connectedComponents(drawn, connectivity=8)
        assert count == 1 + 4
        for number in range(1, count):
            around = packing.grown(labels == number, gap)
            assert set(np.unique(labels[around])) == {0, number}


def test_a_field_that_fits_nowhere_stays_as_it_is() -> None:
    full = np.zeros((224, 224, 3), np.uint8)
    layout = packing.packed(packing.occupied(full, 4), 1, SIDES)
    assert layout.side == 56
    assert np.array_equal(packing.canvas(full, 4, layout), full)
