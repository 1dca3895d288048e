"""How a cell looks: its own pixels alone, and the same wherever it lies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import smear_features
from numpy.typing import NDArray

from allclient.contract import SIDE
from toolkit import served

FILE = served.MODEL_REPOSITORY / "cells" / "1" / smear_features.FILE


@pytest.fixture(scope="module")
def network() -> smear_features.Features:
    return smear_features.Features(FILE)


def field(*nuclei: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Ellipses of (column, row, half width, half height) with a texture of their own size."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    rows, columns = np.indices((SIDE, SIDE))
    for x, y, wide, high in nuclei:
        one = np.zeros_like(mask)
        cv2.ellipse(one, (x, y), (wide, high), 0, 0, 360, (1,), -1)
        waves = np.sin((columns - x) * 12 / wide) * np.sin((rows - y) * 12 / high)
        pixels[one > 0] = (110 + 40 * waves[one > 0]).astype(np.uint8)[:, None]
        mask |= one
    return pixels, np.packbits(mask)


def test_a_cell_gets_the_mean_of_what_is_seen_of_it() -> None:
    maps = np.zeros((2, 2, 3), np.float32)
    maps[0] = (1, 2, 3)
    maps[1, 0], maps[1, 1] = (5, 6, 7), (9, 9, 9)
    owner = np.zeros((4, 4), np.int32)
    owner[2:] = 1
    shown = np.ones((4, 4), bool)
    shown[2:, 3] = False
    rows = smear_features.pooled(maps, owner, shown, 2)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[0], (1, 2, 3))
    np.testing.assert_allclose(rows[1], (2 * np.array([5, 6, 7]) + np.array([9, 9, 9])) / 3)


def test_a_cell_of_which_nothing_is_shown_is_as_its_field() -> None:
    maps = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    shown = np.zeros((4, 4), bool)
    rows = smear_features.pooled(maps, np.zeros((4, 4), np.int32), shown, 1)
    assert rows.tolist() == [[3, 4]]


def test_the_same_cell_elsewhere_is_nearer_than_any_other(
    network: smear_features.Features,
) -> None:
    cells = [(40, 40, 11, 13), (120, 60, 15, 15), (60, 130, 8, 17)]
    moved = [(x + 32, y + 16, wide, high) for x, y, wide, high in cells]
    first, second = network.rows(*field(*cells)), network.rows(*field(*moved))
    assert first.shape == second.shape == (3, smear_features.WIDTH)
    distances = np.linalg.norm(first[:, None] - second, axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1, 2]
    assert distances.diagonal().max() < 0.2 * np.median(distances)


def test_a_field_without_cells_costs_nothing(tmp_path: Path) -> None:
    nowhere = smear_features.Features(tmp_path / "missing.onnx")
    assert nowhere.rows(*field()).shape == (0, smear_features.WIDTH)
    with pytest.raises(ValueError, match=r"missing\.onnx cannot be read"):
        nowhere.rows(*field((60, 60, 11, 13)))
