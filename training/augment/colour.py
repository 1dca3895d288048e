"""Changes all of a view's colour in one pass over the field: specimen, lamp and sensor."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from training.augment import mixing, stain
from training.augment.config import AugmentConfig
from training.augment.field import Rgb

Partner = Callable[[np.random.Generator], Rgb]
"""Draws another training field, best one of another slide; see ``mixing.Donors``."""

_GREY = np.array([0.299, 0.587, 0.114])


def recolour(
    pixels: Rgb, rng: np.random.Generator, config: AugmentConfig, partner: Partner | None = None
) -> Rgb:
    """Return the same cells in another stain, under another lamp, on another sensor.

    The result is uint8 [h, w, 3].

    Without a ``partner`` nothing is taken from other fields.
    """
    if partner is not None and rng.random() < config.fourier:
        pixels = mixing.low_frequencies(pixels, partner(rng), rng)
    specimen = _specimen(pixels, rng, config, partner)
    # The logarithm of the light is the density below zero.
    light = np.asarray(cv2.transform(cv2.LUT(pixels, stain.LEVELS), -specimen), np.float32)
    if rng.random() < config.illumination:
        light -= uneven_light(rng, config.illumination_depth, pixels.shape[0])
    levels = cv2.transform(cv2.exp(light), 256 * _sensor(rng, config))
    # OpenCV takes a colour for an image; its stubs do not say so.
    recoloured = cv2.add(levels, (-1.0,) * 4, dtype=cv2.CV_8U)  # type: ignore[call-overload]
    return np.asarray(recoloured, np.uint8)


def _specimen(
    pixels: Rgb, rng: np.random.Generator, config: AugmentConfig, partner: Partner | None
) -> stain.Affine:
    """Return the map of the densities: another stain for some views, a random shift for all."""
    other = stain.identity()
    choice = rng.random()
    if choice < config.new_stain:
        other = stain.between(stain.palette(pixels), stain.drawn(rng))
    elif partner is not None and choice < config.new_stain + config.transfer:
        other = stain.between(stain.palette(pixels), stain.palette(partner(rng)))
    return stain.then(stain.mixed(other, float(rng.uniform(0.5, 1))), stain.jitter(rng, config))


def uneven_light(rng: np.random.Generator, depth: float, side: int) -> npt.NDArray[np.float32]:
    """Return the density float32 [side, side, 3] of smooth light: tilts, blotches, dark corners.

    Its mean is about 0 and its range at most ``depth``; colours differ by a quarter of that.
    """
    coarse = rng.uniform(-1, 1, (3, 3, 1)) + 0.25 * rng.uniform(-1, 1, (3, 3, 3))
    tilts = cv2.resize(coarse.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    field = np.asarray(tilts, np.float32)
    if rng.random() < 0.5:
        x, y = (np.linspace(-1, 1, side) - offset for offset in rng.uniform(-0.4, 0.4, 2))
        field += (rng.uniform(0.5, 2) * (x**2 + y[:, None] ** 2)).astype(np.float32)[..., None]
    low, high = float(field.min()), float(field.max())
    scale = depth * float(rng.uniform(0.3, 1)) / max(high - low, 1e-6)
    light: npt.NDArray[np.float32] = (field - field.mean()) * np.float32(scale)
    return light


def _sensor(rng: np.random.Generator, config: AugmentConfig) -> npt.NDArray[np.float64]:
    """Return the map [3, 3] of red, green and blue: hue and saturation, or no colour at all."""
    saturation = 1 + rng.uniform(-config.saturation, config.saturation)
    turn = math.radians(rng.uniform(-config.hue_degrees, config.hue_degrees))
    if rng.random() < config.grey:
        return np.tile(rng.dirichlet(8 * _GREY), (3, 1))
    return _saturate(saturation) @ _turn_hue(turn)


def _saturate(amount: float) -> npt.NDArray[np.float64]:
    return amount * np.eye(3) + (1 - amount) * np.tile(_GREY, (3, 1))


def _turn_hue(angle: float) -> npt.NDArray[np.float64]:
    """Return the rotation about the grey axis (Rodrigues), so that grey stays grey."""
    axis = np.ones(3) / math.sqrt(3)
    cross = np.cross(np.eye(3), axis)
    rotation: npt.NDArray[np.float64] = (
        math.cos(angle) * np.eye(3)
        + math.sin(angle) * cross
        + (1 - math.cos(angle)) * np.outer(axis, axis)
    )
    return rotation
