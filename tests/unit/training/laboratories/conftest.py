"""Cells of invented laboratories, without pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.pictures import Picture
from training.laboratories.table import Cells, Crops

SIDE = 8


def picture(
    source: str,
    malignant: bool | None,
    group: str,
    number: int = 0,
    *,
    laboratory: str = "",
    evaluate_only: bool = False,
    named: str = "",
) -> Picture:
    name = f"{source}-{group}-{number}.png"
    usual = {True: "malignant", False: "benign", None: "field"}[malignant]
    return Picture(
        Path(name), name, source, laboratory or source, named or usual, malignant, group,
        evaluate_only,
    )  # fmt: skip


def cells(pictures: Sequence[Picture], each: int = 1) -> Cells:
    """``each`` cells of every picture, all of them blank."""
    of = np.repeat(np.arange(len(pictures)), each)
    count = len(of)
    window = (count, SIDE, SIDE)
    crops = Crops(
        of,
        np.full((*window, 3), 255, np.uint8),
        np.ones(window, bool),
        np.zeros(window, bool),
        np.tile(np.float32([1, 1, 1, 1, 0]), (count, 1)),
        np.full((count, 3), 255, np.float32),
        np.full(count, 28, np.float32),
    )
    return Cells(pictures, crops)
