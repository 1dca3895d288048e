"""Reads the size of a pixel from the attributes of a DICOM object."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from pydicom.dataset import Dataset

from allclient.contract import BELIEVABLE_UM_PER_PIXEL

_MAX_DIFFERENCE: Final = 0.01
"""Largest difference of a pixel's height and width, as a share of the width."""


def um_per_pixel(dataset: Dataset) -> float | None:
    """Return the width of a pixel in micrometres.

    None where the object says nothing of it, or nothing that a microscope can have.
    """
    for height, width in _spacings(dataset):
        low, high = BELIEVABLE_UM_PER_PIXEL
        if low <= width <= high and abs(width - height) <= _MAX_DIFFERENCE * width:
            return width
    return None


def _spacings(dataset: Dataset) -> Iterator[tuple[float, float]]:
    """Yield what each attribute says of the height and width of a pixel, in micrometres."""
    measures = dataset
    with suppress(AttributeError, IndexError, TypeError):
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    for place in (dataset, measures):
        with suppress(AttributeError, ValueError, TypeError):
            down, across = place.PixelSpacing
            yield _micrometres(down), _micrometres(across)
    with suppress(AttributeError, ValueError, TypeError, ZeroDivisionError):
        yield (
            _micrometres(dataset.ImagedVolumeHeight) / int(dataset.TotalPixelMatrixRows),
            _micrometres(dataset.ImagedVolumeWidth) / int(dataset.TotalPixelMatrixColumns),
        )


def _micrometres(millimetres: object) -> float:
    """Return a length without the noise of binary fractions: 0.00025 mm are 0.25."""
    size = 1000 * float(str(millimetres))
    return float(f"{size:.7g}") if math.isfinite(size) else 0.0
