"""Finds the size of a pixel: what a request says of it, or what a TIFF says that can be true.

Many programs fill the resolution of a TIFF with that of a screen or a printer (72, 96, 150 or 300
dots per inch), so a size counts only where a microscope can have it. Sizes are in micrometres, of a
pixel of the file itself; 0 is "not known".
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import numpy as np
from smear_tiff_kinds import ome_pixels
from tifffile import TiffPage

PARAMETER: Final = "um_per_pixel"
"""The request parameter that gives the size, as text or as a number."""

BELIEVABLE: Final = (0.02, 2.0)
"""The sizes that a field through a microscope can have."""

MAX_DIFFERENCE: Final = 0.01
"""Largest difference of a pixel's height and width, as a share of the width."""

_MICROMETRES: Final = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "um": 1.0,
    "\u00b5m": 1.0,
    "\u03bcm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "in": 25_400.0,
    "inch": 25_400.0,
}
"""How many are in a unit as OME and ImageJ write it."""
_OF_TAG: Final = {2: 25_400.0, 3: 10_000.0}
"""How many are in a ResolutionUnit of a TIFF; 1 is no unit."""

_RATIONAL: Final = 5
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{0,40})?([eE][+-]?\d{1,3})?")


def of_request(parameters: dict[str, Any]) -> float | None:
    """Return the size that a request gives for all its images; None where it gives none.

    Raises:
        ValueError: it is no number above 0.
    """
    given = parameters.get(PARAMETER)
    if given is None:
        return None
    try:
        size = math.nan if isinstance(given, bool) else float(given)
    except (ValueError, TypeError, OverflowError):
        size = math.nan
    # As the answer holds it, in 32 bits.
    if not np.finfo(np.float32).tiny <= size <= np.finfo(np.float32).max:
        raise ValueError(
            f"{PARAMETER} is the size of a pixel in micrometres, a number above 0, "
            f"not {str(given)[:40]!r}"
        )
    return size


def of_tiff(page: TiffPage) -> float:
    """Return the size that a page says: by OME, by ImageJ, or by its resolution alone."""
    if page.is_ome and (sides := _of_ome(page.description)):
        return believable(*sides)
    per_unit = _resolution(page, 282), _resolution(page, 283)
    if not all(per_unit):
        return 0.0
    unit = _OF_TAG.get(page.tags.valueof(296, 2), 0.0)
    if said := re.search(r"^unit=(.*)$", page.imagej_description or "", re.MULTILINE):
        unit = _micrometres(said[1])
    return believable(unit / per_unit[0], unit / per_unit[1])


def believable(width: float, height: float) -> float:
    """Return a pixel's width where it is square and as large as one of a microscope; else 0."""
    square = abs(width - height) <= MAX_DIFFERENCE * width
    return width if BELIEVABLE[0] <= width <= BELIEVABLE[1] and square else 0.0


def _of_ome(text: str) -> tuple[float, float] | None:
    """Return what the first picture of OME says; None where it says nothing of a size."""
    pictures = ome_pixels(text)
    attributes = pictures[0][0] if pictures else {}
    if not any(f"PhysicalSize{axis}" in attributes for axis in "XY"):
        return None
    width, height = (
        _number(attributes.get(f"PhysicalSize{axis}", ""))
        * _micrometres(attributes.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "XY"
    )
    return width, height


def _resolution(page: TiffPage, number: int) -> float:
    """Return the pixels in a unit; 0 where the tag is missing, or makes no sense."""
    tag = page.tags.get(number)
    if tag is None or tag.dtype != _RATIONAL or tag.count != 1:
        return 0.0
    above, below = tag.value
    return above / below if below else 0.0


def _micrometres(unit: str) -> float:
    """Return how many there are in a unit; 0 for what is no length. ImageJ escapes the micro."""
    return _MICROMETRES.get(unit.strip().replace("\\u00B5", "\u00b5"), 0.0)


def _number(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text.strip()) else 0.0
