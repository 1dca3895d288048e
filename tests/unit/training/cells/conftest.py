"""Smears drawn by code: round red cells, purple nuclei, a background of any colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import pytest

Rgb = npt.NDArray[np.uint8]
LIGHT = (240, 236, 228)
RED_CELL = (214, 178, 182)
NUCLEUS = (110, 50, 140)
FINE = 4
"""Bits of a pixel in which circles are placed."""


class Drawn(Protocol):
    def __call__(
        self,
        nuclei: Sequence[tuple[float, float, float]] = (),
        *,
        red_cell: float = 24,
        light: tuple[int, int, int] = LIGHT,
    ) -> Rgb: ...


def _circle(image: Rgb, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    centre = round(x * 2**FINE), round(y * 2**FINE)
    cv2.circle(image, centre, round(radius * 2**FINE), colour, -1, cv2.LINE_AA, FINE)


@pytest.fixture
def drawn() -> Drawn:
    """A field of 320 x 240 pixels, red cells in its left half, nuclei as (x, y, radius)."""

    def draw(
        nuclei: Sequence[tuple[float, float, float]] = (),
        *,
        red_cell: float = 24,
        light: tuple[int, int, int] = LIGHT,
    ) -> Rgb:
        image = np.full((240, 320, 3), LIGHT, np.uint8)
        for column in range(30, 150, 40):
            for row in range(30, 220, 40):
                _circle(image, column, row, red_cell / 2, RED_CELL)
        for x, y, radius in nuclei:
            _circle(image, x, y, radius, NUCLEUS)
        return np.rint(image * (np.array(light) / LIGHT)).astype(np.uint8)

    return draw


@pytest.fixture
def on_black() -> Rgb:
    """A cell of 25 pixels' radius cut out on black, with a piece of something else beside it."""
    image = np.zeros((120, 120, 3), np.uint8)
    _circle(image, 60, 60, 25, (80, 40, 95))
    image[20:24, 90:100] = 60
    return image
