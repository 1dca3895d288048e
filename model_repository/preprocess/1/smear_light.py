"""Measures how much light a field takes, against its own background, in every channel.

Optical density is the logarithm of the background's light by that of a pixel: a pale and a dark
lamp give the same picture.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from smear_frame import counts

Planes = tuple[npt.NDArray[np.uint8], ...]

BACKGROUND: Final = 0.97
"""The background of a channel is this quantile of its levels."""

STEPS: Final = 200
"""Densities are whole numbers of 1/200 in 0..255: up to 1.275, the darkest nuclei."""

DARKEST: Final = 0.005
"""The full range of a channel ends at this quantile of its levels."""

MIN_RANGE: Final = 0.15
"""A channel with less density than this everywhere (natural units) is not stretched any further:
what it would show is noise."""

_LEVELS: Final = np.arange(256)
_DENSITIES: Final[npt.NDArray[np.uint8]] = np.clip(
    np.rint(np.log10(np.maximum(1, _LEVELS)[:, None] / np.maximum(1, _LEVELS)) * STEPS), 0, 255
).astype(np.uint8)
"""uint8 [256, 256]: for each level of the background, the density of each level."""


class Light(NamedTuple):
    """The light that one field takes."""

    planes: Planes
    """Three times uint8 [224, 224]: the levels of red, green and blue."""
    levels: npt.NDArray[np.int64]
    """int64 [3, 256]: how often each level of a channel occurs outside the bar corner."""
    density_of_level: npt.NDArray[np.uint8]
    """uint8 [3, 256]: the density of each level of a channel."""
    densities: Planes
    """Three times uint8 [224, 224], in 1/200: the optical density of red, green and blue."""
    taken: Planes
    """Three times uint8 [224, 224]: the same, from 0 for the background to 255 for the darkest of
    the field."""


def measure(rgb: npt.NDArray[np.uint8]) -> Light:
    """Measure a field: rgb uint8 [224, 224, 3]."""
    planes = cv2.split(rgb)
    levels = counts(planes)
    lower = np.cumsum(levels, axis=1) / levels.sum(axis=1, keepdims=True)
    background = (lower < BACKGROUND).sum(axis=1)
    density = np.log((background[:, None] + 1) / (_LEVELS + 1))
    darkest = density[np.arange(3), (lower < DARKEST).sum(axis=1)]
    reach = np.maximum(darkest, MIN_RANGE)[:, None]
    tables = _DENSITIES[background]
    shares = np.rint(255 * (1 - np.clip(density / reach, 0, 1)))
    # One look-up finds both, as the two bytes of one number.
    both = np.stack([tables, 255 - shares.astype(np.uint8)], axis=2).view(np.uint16)
    pairs = [
        cv2.split(cv2.LUT(plane, table).view(np.uint8).reshape(*plane.shape, 2))
        for plane, table in zip(planes, both, strict=True)
    ]
    densities, taken = zip(*pairs, strict=True)
    return Light(planes, levels, tables, densities, taken)
