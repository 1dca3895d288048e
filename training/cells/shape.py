"""Measures what a nucleus is like without its stain: its size, how round, how even its rim."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

NAMES = ("area", "roundness", "solidity", "axes", "border")


def measure(mask: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.float32]:
    """Measure one nucleus: float32 [5] in the order of ``NAMES``.

    - area: in squared diameters of a red cell.
    - roundness: 4 pi area / perimeter squared, 1 of a circle.
    - solidity: share of the convex hull that is filled.
    - axes: the shorter axis of the ellipse of the same moments as a share of the longer.
    - border: 1 where it touches the border of the picture and so is not whole.

    Args:
        mask: uint8 [h, w], 0 or 1, of the whole picture.
        scale: pixels of a red cell's diameter.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    area = max(float(np.count_nonzero(mask)), 1.0)
    length = max(cv2.arcLength(contour, True), 1.0)
    hull = cv2.contourArea(cv2.convexHull(contour))
    solid = cv2.contourArea(contour) / max(hull, 1.0)
    moments = cv2.moments(mask, binaryImage=True)
    across, down, both = (moments[name] / area for name in ("mu20", "mu02", "mu11"))
    spread = np.hypot(across - down, 2 * both)
    minor, major = (across + down - spread) / 2, (across + down + spread) / 2
    axes = np.sqrt(max(minor, 0.0) / max(major, 1e-6))
    height, width = mask.shape
    left, top, wide, high = cv2.boundingRect(contour)
    cut = left == 0 or top == 0 or left + wide == width or top + high == height
    values = (area / scale**2, 4 * np.pi * area / length**2, min(solid, 1.0), axes, cut)
    return np.array(values, np.float32)
