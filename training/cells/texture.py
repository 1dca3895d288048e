"""What chromatin is like, measured so that no stain, lamp or camera gives its own level.

Everything is relative: to the nucleus's own range of density, or to its own mean.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

BANDS = (0.028, 0.057, 0.114, 0.229)
"""Sigmas of the blurs between which detail is measured, in diameters of a red cell."""
RINGS = (0.25, 0.6)
"""Depths below the rim, as shares of the deepest, that part rim, middle and heart."""
NAMES = (
    "contrast",
    "skewness",
    "kurtosis",
    "median",
    "quartiles",
    *(f"band_{number}" for number in range(len(BANDS))),
    "rim",
    "middle",
    "depth",
    "dark_share",
    "dark_ratio",
    "lumps",
    "gradient",
    "steepest",
)

MIN_PIXELS = 30
"""A smaller nucleus has no texture that could be measured."""
TINY = 1e-5


def measure(density: Floats, level: Floats, own: Bools, scale: float) -> Floats:
    """Return float32 [17] in the order of ``NAMES``; all 0 if there is too little to measure.

    - contrast: deviation of the density as a share of its mean.
    - skewness, kurtosis, median, quartiles: how the levels are distributed.
    - band_0 to band_3: logarithm of the mean square of details, fine to coarse.
    - rim, middle: mean level there less that of the heart.
    - depth: of the deepest point below the rim, as a share of the square root of the area.
    - dark_share, dark_ratio: share of the dark part by Otsu's threshold, and how much denser it is.
    - lumps: deviation that is left after the second blur, as a share of all.
    - gradient, steepest: logarithm of the mean slope, and the ninth decile as a multiple of it.

    Args:
        density: optical density [h, w] of one channel.
        level: the same, stretched to the nucleus's own range.
        own: where the nucleus is, [h, w].
        scale: pixels of a red cell's diameter.
    """
    core: npt.NDArray[np.uint8] = np.asarray(
        cv2.erode(own.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=(0,)), np.uint8
    )
    if np.count_nonzero(core) < MIN_PIXELS:
        return np.zeros(len(NAMES), np.float32)
    inside = core > 0
    blurs = _blurs(level, core, scale)
    values = (
        *_distribution(density[inside], level[inside]),
        *_bands(blurs, inside),
        *_rings(level, core),
        *_dark(density[inside]),
        float(blurs[2][inside].std() / max(level[inside].std(), TINY)),
        *_slopes(blurs[1], core),
    )
    return np.nan_to_num(np.array(values, np.float32))


def _distribution(density: Floats, level: Floats) -> tuple[float, ...]:
    low, first, middle, third, high = np.percentile(density, (5, 25, 50, 75, 95))
    spread = max(high - low, TINY)
    rest = level - level.mean()
    deviation = max(float(rest.std()), TINY)
    return (
        float(density.std() / max(density.mean(), TINY)),
        float((rest**3).mean() / deviation**3),
        float((rest**4).mean() / deviation**4),
        float((middle - low) / spread),
        float((third - first) / spread),
    )


def _blurs(level: Floats, core: npt.NDArray[np.uint8], scale: float) -> list[Floats]:
    """Return the level itself and its blurs, each a mean over the nucleus alone."""
    share = core.astype(np.float32)
    known = np.where(core > 0, level, 0).astype(np.float32)
    blurs = [known]
    for band in BANDS:
        around = np.maximum(cv2.GaussianBlur(share, (0, 0), band * scale), 1e-3)
        blurred = cv2.GaussianBlur(known, (0, 0), band * scale) / around
        blurs.append(np.asarray(blurred, np.float32))
    return blurs


def _bands(blurs: list[Floats], inside: Bools) -> list[float]:
    return [
        float(np.log(((fine - coarse)[inside] ** 2).mean() + TINY))
        for fine, coarse in pairwise(blurs)
    ]


def _rings(level: Floats, core: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    distance = cv2.distanceTransform(core, cv2.DIST_L2, 5)
    deepest = float(distance.max())
    depth = distance / deepest
    inside = core > 0
    heart = float(level[depth > RINGS[1]].mean())
    parts = (inside & (depth <= RINGS[0]), inside & (depth > RINGS[0]) & (depth <= RINGS[1]))
    rim, middle = (float(level[part].mean()) - heart if part.any() else 0.0 for part in parts)
    return rim, middle, deepest / float(np.sqrt(np.count_nonzero(core)))


def _dark(density: Floats) -> tuple[float, float]:
    low, high = np.percentile(density, (5, 95))
    scaled = ((density - low) / max(high - low, TINY)).clip(0, 1) * 255
    levels = scaled.astype(np.uint8).reshape(-1, 1)
    dark = (levels > cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0]).reshape(-1)
    if dark.all() or not dark.any():
        return float(dark.mean()), 1.0
    return float(dark.mean()), float(density[dark].mean() / max(density[~dark].mean(), TINY))


def _slopes(level: Floats, core: npt.NDArray[np.uint8]) -> tuple[float, float]:
    inner = cv2.erode(core, np.ones((5, 5), np.uint8), borderValue=(0,)) > 0
    if not inner.any():
        return 0.0, 1.0
    across = cv2.Sobel(level, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(level, cv2.CV_32F, 0, 1)
    steep = np.hypot(across, down)[inner]
    mean = float(steep.mean())
    return float(np.log(mean + 0.01)), float(np.percentile(steep, 90)) / max(mean, TINY)
