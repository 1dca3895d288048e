"""Chooses where a view lies in its field: place, angle, flip, size."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from training.augment import nuclei
from training.augment.config import AugmentConfig
from training.augment.field import Rgb


class Placement(NamedTuple):
    """One cut; the same placement shows the same cells, whatever was done to their colours."""

    matrix: npt.NDArray[np.float64]
    """[2, 3]: (x, y, 1) of a view's pixel to (x, y) of the field's, pixel centres being whole."""
    zoom: tuple[float, float]
    """Pixels of the view per pixel of the field, across and down the field."""
    side: int


def draw(
    pixels: Rgb,
    side: int,
    rng: np.random.Generator,
    config: AugmentConfig,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Placement:
    """Draw a random placement of a view of ``side`` pixels; ``mask`` [224, 224] marks nuclei."""
    height, width = pixels.shape[:2]
    zoom = math.exp(rng.uniform(*np.log(config.zoom)))
    stretch = math.exp(rng.uniform(*np.log(config.stretch)) / 2)
    across, down = zoom * stretch, zoom / stretch
    # Half of the views keep the field's axes, so that few pixels are averaged: sharp nuclear
    # texture must be seen as it is served.
    angle = float(rng.integers(4)) * math.pi / 2
    if rng.random() < 0.5:
        angle = float(rng.uniform(0, 2 * math.pi))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[flip * cos / across, -sin / across], [flip * sin / down, cos / down]])

    # The centre wanders as far as the view fits into the field.
    middle = np.array([width - 1, height - 1]) / 2
    reach = side / 2 / np.array([across, down])
    room = np.maximum(np.array([width, height]) / 2 - reach, 0.04 * side)
    centre = middle + rng.uniform(-1, 1, 2) * room
    # A view of the whole field has its nuclei where they are.
    if side < zoom * min(width, height) and rng.random() < config.on_nuclei and mask is not None:
        for place in nuclei.centres(mask, rng):
            centre = np.clip(place, middle - room, middle + room)
    corner = centre - turn @ np.full(2, (side - 1) / 2)
    return Placement(np.column_stack([turn, corner]), (across, down), side)


def cut(image: Rgb, place: Placement) -> Rgb:
    """Return the view uint8 [side, side, 3]; beyond its border the field is mirrored."""
    # Where pixels are dropped, what is finer than the new grid is averaged away first.
    sigmas = [0.5 * math.sqrt(max(0.0, zoom**-2 - 1)) for zoom in place.zoom]
    if max(sigmas) > 0.25:
        across, down = (max(sigma, 0.01) for sigma in sigmas)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), across, sigmaY=down), np.uint8)
    view = cv2.warpAffine(
        image,
        place.matrix,
        (place.side, place.side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(view, np.uint8)
