"""The scale of every source: pixels of a red cell's diameter, and the squeeze of the camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from training.cells.red_cells import RedCells
from training.data.sample import DatasetError

MIN_ALONE = 8
"""A picture with fewer red cells that lie alone says nothing about its own scale."""


class Scale(NamedTuple):
    """How a picture is laid at the common scale."""

    red_cell: float
    """Pixels of a red cell's diameter, along the picture's height."""
    aspect: float = 1.0
    """Width of a pixel as a share of its height."""


KNOWN: Mapping[str, Scale] = {
    "all-smears": Scale(17.5, 4 / 3),
    "sn-am": Scale(20, 4 / 3),
    "leukemia-attri": Scale(48, 16 / 9),
    "lisc": Scale(48, 1.07),
    "draaslan": Scale(58),
    "raabin-seg": Scale(120),
    "pbc-acevedo": Scale(71.6),
    "cnmc2019": Scale(142),
}
"""Medians over the red cells of each source. C-NMC has none: at this scale the nuclei of
its blasts are as large as those of SN-AM, which the same laboratory photographed."""


def measured(heights: list[int], red_cells_of: list[RedCells | None], source: str) -> list[Scale]:
    """Return the scale of each picture of a source that is not ``KNOWN``.

    A picture whose red cells say too little gets the source's median share of the height.

    Args:
        heights: of the pictures, in pixels.
        found: what ``red_cells.measure`` says of each.

    Raises:
        DatasetError: no picture shows enough red cells.
    """
    shares = [
        cells.diameter / height
        for height, cells in zip(heights, red_cells_of, strict=True)
        if cells is not None and cells.alone >= MIN_ALONE
    ]
    if not shares:
        raise DatasetError(
            f"no picture of {source} shows {MIN_ALONE} red cells that lie alone, so its scale is "
            "unknown"
        )
    usual = float(np.median(shares))
    return [
        Scale(
            cells.diameter
            if cells is not None and cells.alone >= MIN_ALONE
            else usual * height
        )
        for height, cells in zip(heights, red_cells_of, strict=True)
    ]  # fmt: skip
