"""Finds the leukocytes of a picture: one label for each, touching ones parted.

The picture lies at ``SCALE``: all lengths here are shares of a red cell's diameter.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import watershed

from training.cells.density import BLACK, Floats, Rgb, densities, on_black, purple

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.uint8]

SCALE = 24.0
"""Pixels of a red cell's diameter in the pictures that ``find`` takes."""

CELL_CAP = 0.2
NUCLEUS_CAP = 0.6
"""Densities above count as these where a threshold is looked for, so that a few very dark nuclei
do not make pale ones count as red cells."""

OVERLAP = 1.8
"""A nucleus is this many times as purple as a red cell: two of them lie on one another."""

CORE = 2.3
"""And this many times on average: red cells are thicker in places."""

MIN_PURPLE = 0.16
"""And it is at least this purple."""

LOBES = 0.12
"""Gaps this wide are closed before cells are parted: lobes of one nucleus lie near each other."""

NECK = 0.1
"""Two cells are parted where the neck between them is narrower, on either side, by this."""

CYTOPLASM = 0.72
"""In a cell on black, what is less dense than this share of its median is no nucleus."""

MIN_AREA = 0.35
"""Squared diameters of a red cell: nuclei below are platelets, dirt, or rims at the border."""


def find(rgb: Rgb) -> Labels:
    """Label every nucleus of a picture, int32 [h, w]; 0 is no nucleus.

    Args:
        rgb: uint8 [h, w, 3], square pixels, at ``SCALE``.
    """
    if on_black(rgb):
        return _cut_out(rgb)
    return part(nuclear(densities(rgb)))


def nuclear(density: Floats) -> Mask:
    """Return where there is a nucleus: uint8 [h, w], 0 or 1. ``density`` is float32 [h, w, 3]."""
    green = cv2.GaussianBlur(density[..., 1], (0, 0), SCALE * 0.03)
    cells = green > _otsu(np.minimum(green, CELL_CAP))
    stain = cv2.GaussianBlur(purple(density), (0, 0), SCALE * 0.03)
    among = np.minimum(stain[cells], NUCLEUS_CAP)
    if not len(among):
        return np.zeros(green.shape, np.uint8)
    low = _otsu(among)
    red = among[among <= low]
    usual = float(np.median(red)) if len(red) else 0.0
    mask = (stain > max(low, OVERLAP * usual, MIN_PURPLE)).astype(np.uint8)
    mask = _filled(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disk(0.12)))
    return _dense(mask, stain, CORE * usual)


def _dense(mask: Mask, stain: npt.NDArray[Any], least: float) -> Mask:
    """Return the regions that are that purple on average."""
    count, labels = cv2.connectedComponents(mask)
    sums = np.bincount(labels.ravel(), stain.ravel(), count)
    kept = sums >= least * np.bincount(labels.ravel(), minlength=count)
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def part(mask: Mask) -> Labels:
    """Return one label for each nucleus of a mask, int32 [h, w]; small ones are left out.

    Lobes are joined, then the mask is parted at its necks: a watershed of the distance to the
    rim, from peaks that stand ``NECK`` above the pass to the next one.
    """
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disk(LOBES))
    distance = cv2.distanceTransform(joined, cv2.DIST_L2, 5)
    distance = cv2.GaussianBlur(distance, (0, 0), SCALE * 0.04)
    peaks = _peaks(distance, joined)
    labels = watershed(-distance, peaks, mask=joined > 0)  # type: ignore[no-untyped-call]
    return _relabelled(np.where(mask > 0, labels, 0).astype(np.int32))


def _peaks(distance: npt.NDArray[Any], mask: npt.NDArray[Any]) -> Labels:
    """Return the labels of the peaks that stand ``NECK`` above the pass to a higher one.

    The distance less ``NECK`` is grown under the distance until nothing moves: it reaches the top
    of every lower peak, and stays ``NECK`` below the top of the others.
    """
    height = np.float32(NECK * SCALE)
    kernel = np.ones((3, 3), np.uint8)
    grown, before = distance - height, None
    while before is None or not np.array_equal(grown, before):
        grown, before = np.minimum(cv2.dilate(grown, kernel), distance), grown
    tops = ((distance - grown > 0.95 * height) & (mask > 0)).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(tops)[1], np.int32)


def _cut_out(rgb: Rgb) -> Labels:
    """The nucleus of the largest cell: what is nearly as dense as the cell's median.

    A rim that is mixed with the black is left out before anything is measured, and then the paler
    cytoplasm; vacuoles inside are filled.
    """
    cell = _largest(cv2.morphologyEx(_filled(rgb.max(axis=2) > BLACK), cv2.MORPH_OPEN, _disk(0.35)))
    inner: Mask = np.asarray(
        cv2.erode(cell, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT), np.uint8
    )
    if not inner.any():
        return cell.astype(np.int32)
    density = np.where(inner > 0, densities(rgb, np.full(3, 255.0))[..., 1], 0)
    share = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), SCALE * 0.03)
    smooth = cv2.GaussianBlur(density, (0, 0), SCALE * 0.03) / np.maximum(share, 1e-3)
    dense = (smooth >= CYTOPLASM * np.median(density[inner > 0])) & (inner > 0)
    nucleus = _largest(cv2.morphologyEx(_filled(dense), cv2.MORPH_OPEN, _disk(0.16)))
    return np.asarray(nucleus if nucleus.any() else inner, np.int32)


def _largest(mask: npt.NDArray[Any]) -> Mask:
    """The largest region of a mask, uint8 [h, w]; nothing if there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count == 1:
        return np.zeros(mask.shape, np.uint8)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.uint8)


def _filled(mask: npt.NDArray[Any]) -> Mask:
    mask = mask.astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), contours, -1, (1,), -1), np.uint8)


def _relabelled(labels: Labels) -> Labels:
    """Return the labels 1, 2 and so on for the regions that are large enough."""
    areas = np.bincount(labels.ravel())
    kept = areas >= MIN_AREA * SCALE**2
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0)
    return np.asarray(numbers[labels], np.int32)


def _disk(share: float) -> Mask:
    side = 2 * max(1, round(share * SCALE)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _otsu(values: Floats) -> float:
    top = float(values.max())
    if top <= 0:
        return 0.0
    scaled = (values * np.float32(255 / top)).astype(np.uint8).reshape(-1, 1)
    return float(cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)[0]) * top / 255
