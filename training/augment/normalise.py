"""Normalises stain: it gives every field the colours of some reference fields.

This is the older answer to the shift between slides, to be measured against augmentation. It is a
fixed map of each field, in training and in evaluation, with nothing random in it.

Both methods read statistics off stained pixels, and a field may have next to none. Then only its
light is matched, since statistics of a few grains of dirt would tear the field apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.augment.field import OUTSIDE, Rgb, check, keep_corner
from training.augment.stain import LEVELS

Array = npt.NDArray[np.float64]
Normaliser = Callable[[Rgb], Rgb]
"""uint8 [224, 224, 3] RGB to the same, the masked corner as it was."""

METHODS = ("none", "macenko", "reinhard")

STAINED = 0.1
"""Mean density above the background's (natural units) from which a pixel counts as stained."""

MIN_STAINED = 0.01
"""Share of the field that must be stained for its stain to be measured."""

_GAIN = (0.25, 4.0)
"""No statistic is stretched by more; a field that asks for more is not of the reference's kind."""

_PURPLE = np.array([-0.5, 1.0, -0.5])
"""How purple a stain is: nuclei are, red cells are less so, from salmon to teal."""

_APART = 0.1
"""Radians between the two stains of a field below which they count as one."""


def fit(method: str, fields: Sequence[Rgb]) -> Normaliser:
    """Return the normaliser whose reference is ``fields``: uint8 [224, 224, 3] each.

    Their median counts, so they are best some of every slide of the training part.

    Raises:
        ValueError: an unknown method, or no field of the reference holds enough stain.
    """
    if method == "none":
        return np.copy
    makers: dict[str, Callable[[Sequence[Rgb]], Normaliser]] = {
        "macenko": Macenko.of,
        "reinhard": Reinhard.of,
    }
    if method not in makers:
        raise ValueError(f"{method!r} is no stain normalisation; there are {', '.join(METHODS)}")
    return makers[method](fields)


@dataclass(frozen=True)
class Macenko:
    """Two stains per field, the extreme directions of the plane that its densities fill.

    M. Macenko and others, A method for normalizing histology slides for quantitative analysis,
    ISBI 2009. Other than there, the background is the field's own and not 240, and nuclei are the
    stain that is more purple: by red alone, as haematoxylin is told from eosin, teal red cells
    would take the place of nuclei. Where nuclei fill less than about a hundredth of what is
    stained, both directions are those of red cells, which then may turn purple.
    """

    background: Array
    """Density [3] of the unstained field."""
    stains: Array
    """Unit vectors of density [3, 2]: nuclei, red cells."""
    tops: Array
    """Amounts [2] of the stains, 99th percentiles."""

    @classmethod
    def of(cls, fields: Sequence[Rgb]) -> Macenko:
        """Return the normaliser of reference fields, uint8 [224, 224, 3] each."""
        measured_fields = [(_background(field), _stains(field)) for field in map(_checked, fields)]
        stained = [
            (light, *measured) for light, measured in measured_fields if measured is not None
        ]
        if not stained:
            raise ValueError("no reference field shows two stains; choose fields with more cells")
        lights, stains, tops = (np.median(values, axis=0) for values in zip(*stained, strict=True))
        return cls(lights, stains / np.linalg.norm(stains, axis=0), tops)

    def __call__(self, field: Rgb) -> Rgb:
        """Return the field, uint8 [224, 224, 3], in the colours of the reference."""
        background = _background(_checked(field))
        measured = _stains(field)
        linear = np.eye(3)
        if measured is not None:
            stains, tops = measured
            gain = np.clip(self.tops / tops, *_GAIN)
            linear = self.stains @ np.diag(gain) @ np.linalg.pinv(stains)
        return _map(field, linear, background, self.background)


@dataclass(frozen=True)
class Reinhard:
    """The mean and spread of lightness and of the two colour axes, in CIELAB.

    E. Reinhard and others, Color transfer between images, 2001; CIELAB instead of its
    l-alpha-beta, as is common for stains.
    """

    background: Array
    """Density [3] of the unstained field."""
    mean: Array
    """L*, a*, b*: [3]."""
    spread: Array
    """Their standard deviations [3]."""

    @classmethod
    def of(cls, fields: Sequence[Rgb]) -> Reinhard:
        """Return the normaliser of reference fields, uint8 [224, 224, 3] each."""
        stained = [field for field in map(_checked, fields) if _is_stained(field)]
        if not stained:
            raise ValueError("no reference field is stained; choose fields with more cells")
        means, spreads = zip(*(_moments(_lab(field)) for field in stained), strict=True)
        lights = [_background(field) for field in stained]
        return cls(*(np.median(values, axis=0) for values in (lights, means, spreads)))

    def __call__(self, field: Rgb) -> Rgb:
        """Return the field, uint8 [224, 224, 3], in the colours of the reference."""
        if not _is_stained(_checked(field)):
            return _map(field, np.eye(3), _background(field), self.background)
        lab = _lab(field)
        mean, spread = _moments(lab)
        gain = np.clip(self.spread / np.maximum(spread, 1e-3), *_GAIN)
        affine = np.column_stack([np.diag(gain), self.mean - gain * mean])
        lab = np.asarray(cv2.transform(lab, affine), np.float32)
        lab[..., 0] = np.clip(lab[..., 0], 0, 100)
        light = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
        # OpenCV takes a number for an image; its stubs do not say so.
        levels: Any = cv2.add(light * np.float32(255), 0, dtype=cv2.CV_8U)  # type: ignore[call-overload]
        return keep_corner(np.asarray(levels, np.uint8), field)


def _checked(field: Rgb) -> Rgb:
    check(field)
    return field


def _background(field: Rgb) -> Array:
    """Return the density [3] that 3% of the pixels outside the corner stay below, by channel."""
    density: Array = LEVELS[np.percentile(field[OUTSIDE > 0], 97, axis=0).astype(int)].astype(
        np.float64
    )
    return density


def _stained_densities(field: Rgb) -> Array:
    """Return densities [n, 3] above the background of stained pixels outside the corner."""
    density = LEVELS[field[OUTSIDE > 0]] - _background(field)
    stained: Array = density[density.mean(axis=1) > STAINED]
    return stained


def _is_stained(field: Rgb) -> bool:
    return bool(len(_stained_densities(field)) >= MIN_STAINED * np.count_nonzero(OUTSIDE))


def _stains(field: Rgb) -> tuple[Array, Array] | None:
    """Return the unit vectors [3, 2] of the stains of nuclei and red cells, and their amounts [2].

    Return None if there is too little stain, or only one.
    """
    density = _stained_densities(field)
    if len(density) < MIN_STAINED * np.count_nonzero(OUTSIDE):
        return None
    plane = np.linalg.eigh(density.T @ density)[1][:, :0:-1]
    plane *= np.where(plane.sum(axis=0) < 0, -1, 1)
    flat = density @ plane
    low, high = np.percentile(np.arctan2(flat[:, 1], flat[:, 0]), (1, 99))
    if high - low < _APART:
        return None
    stains = plane @ np.array([[np.cos(low), np.cos(high)], [np.sin(low), np.sin(high)]])
    stains = stains[:, np.argsort(_PURPLE @ stains)[::-1]]
    tops = np.percentile(density @ np.linalg.pinv(stains).T, 99, axis=0)
    return stains, np.maximum(tops, STAINED)


def _map(field: Rgb, linear: Array, background: Array, target: Array) -> Rgb:
    """Move densities above ``background``, changed by ``linear`` [3, 3], to ``target``."""
    affine = np.column_stack([linear, target - linear @ background])
    light = cv2.exp(cv2.transform(cv2.LUT(field, LEVELS), -affine))
    levels = cv2.addWeighted(light, 256, light, 0, -1, dtype=cv2.CV_8U)
    return keep_corner(np.asarray(levels, np.uint8), field)


def _lab(field: Rgb) -> npt.NDArray[np.float32]:
    light = field.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(light, cv2.COLOR_RGB2LAB), np.float32)


def _moments(lab: npt.NDArray[np.float32]) -> tuple[Array, Array]:
    mean, spread = cv2.meanStdDev(lab, mask=OUTSIDE)
    return np.asarray(mean, float).ravel(), np.asarray(spread, float).ravel()
