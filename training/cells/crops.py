"""Lays a picture at a scale, and cuts a window around each nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.cells import nuclei, shape
from training.cells.density import Rgb, on_black


@dataclass(frozen=True)
class Cell:
    """One leukocyte: its window and where it lies."""

    rgb: Rgb
    """uint8 [side, side, 3]: the window with whatever lies around; continued at the border."""
    mask: npt.NDArray[np.uint8]
    """uint8 [side, side], 1 where this nucleus is."""
    others: npt.NDArray[np.uint8]
    """uint8 [side, side], 1 where other nuclei are."""
    shape: npt.NDArray[np.float32]
    """float32 [5], see ``shape.NAMES``."""
    centre: tuple[float, float]
    """x, y as shares of the picture's width and height."""


def laid(rgb: Rgb, red_cell: float, aspect: float, scale: float) -> Rgb:
    """Return the picture with square pixels and red cells of ``scale`` pixels.

    Args:
        red_cell: their diameter in pixels of the picture's height.
        aspect: width of a pixel as a share of its height; above 1 undoes a squeeze.
    """
    factor = scale / red_cell
    height, width = rgb.shape[:2]
    size = max(1, round(width * aspect * factor)), max(1, round(height * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size, interpolation=way), np.uint8)


def cut(rgb: Rgb, red_cell: float, aspect: float, scale: float, side: int) -> list[Cell]:
    """Return every leukocyte of a picture, from left to right.

    Args:
        rgb: uint8 [h, w, 3], as it is in its file.
        red_cell, aspect: see ``laid``.
        scale: pixels of a red cell's diameter in the windows.
        side: height and width of a window.
    """
    labels_at_scale = nuclei.find(laid(rgb, red_cell, aspect, nuclei.SCALE))
    fine = laid(rgb, red_cell, aspect, scale)
    height, width = fine.shape[:2]
    labels = cv2.resize(
        labels_at_scale.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST
    ).astype(np.int32)
    cells = [
        _window(fine, labels, labels_at_scale, number, side)
        for number in range(1, int(labels_at_scale.max()) + 1)
    ]
    return sorted(cells, key=lambda cell: cell.centre)


def _window(
    fine: Rgb,
    labels: npt.NDArray[np.int32],
    labels_at_scale: npt.NDArray[np.int32],
    number: int,
    side: int,
) -> Cell:
    measured = shape.measure((labels_at_scale == number).astype(np.uint8), nuclei.SCALE)
    left, top, wide, high = cv2.boundingRect((labels == number).astype(np.uint8))
    centre = left + wide / 2, top + high / 2
    x, y = round(centre[0] - side / 2), round(centre[1] - side / 2)
    edge = cv2.BORDER_CONSTANT if on_black(fine) else cv2.BORDER_REPLICATE
    rgb = _at(fine, x, y, side, edge)
    around = _at(labels, x, y, side, cv2.BORDER_CONSTANT)
    return Cell(
        rgb=rgb,
        mask=(around == number).astype(np.uint8),
        others=((around != number) & (around > 0)).astype(np.uint8),
        shape=measured,
        centre=(centre[0] / fine.shape[1], centre[1] / fine.shape[0]),
    )


def _at(image: npt.NDArray[Any], x: int, y: int, side: int, edge: int) -> npt.NDArray[Any]:
    """Return the window at x, y; what lies outside of the image is filled as ``edge`` says."""
    height, width = image.shape[:2]
    part = image[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)]
    before = max(-y, 0), max(-x, 0)
    after = max(y + side - height, 0), max(x + side - width, 0)
    return np.asarray(
        cv2.copyMakeBorder(part, before[0], after[0], before[1], after[1], edge, value=(0,))
    )
