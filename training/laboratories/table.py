"""Cells and the pictures that they come from, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.pictures import Picture

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Crops:
    """What was cut out, n cells."""

    of: npt.NDArray[np.int64]
    """[n], the number of the cell's picture."""
    rgb: npt.NDArray[np.uint8]
    """[n, side, side, 3]."""
    own: Bools
    """[n, side, side], where the cell's nucleus is."""
    others: Bools
    """[n, side, side], where other nuclei are."""
    shape: npt.NDArray[np.float32]
    """[n, 5], ``cells.shape.NAMES``."""
    background: npt.NDArray[np.float32]
    """[n, 3], levels of the picture's background."""
    red_cell: npt.NDArray[np.float32]
    """[n], pixels of a red cell in the file: how much detail there is."""

    def __len__(self) -> int:
        """Return how many cells there are."""
        return len(self.of)


@dataclass(frozen=True)
class Cells:
    """Crops together with what is known of their pictures."""

    pictures: Sequence[Picture]
    crops: Crops

    def __len__(self) -> int:
        """Return how many cells there are."""
        return len(self.crops)

    def column(self, value: Callable[[Picture], Any]) -> npt.NDArray[Any]:
        """Return a value of each cell's picture, [n]."""
        return np.array([value(picture) for picture in self.pictures])[self.crops.of]

    @property
    def source(self) -> npt.NDArray[np.str_]:
        """Name of the source, [n]."""
        return self.column(lambda picture: picture.source)

    @property
    def laboratory(self) -> npt.NDArray[np.str_]:
        """Name of the laboratory, [n]."""
        return self.column(lambda picture: picture.laboratory)

    @property
    def group(self) -> npt.NDArray[np.str_]:
        """Source and group, [n]: groups of two sources never mix."""
        return self.column(lambda picture: f"{picture.source}/{picture.group}")

    @property
    def malignant(self) -> npt.NDArray[np.int64]:
        """1, 0, or -1 where nobody knows, [n]."""
        known = {True: 1, False: 0, None: -1}
        return self.column(lambda picture: known[picture.malignant])

    @property
    def allowed(self) -> Bools:
        """Which of ``pictures.KINDS`` the cell can be, [n, 3]."""
        return self.column(lambda picture: picture.allowed)

    @property
    def evaluate_only(self) -> Bools:
        """[n]."""
        return self.column(lambda picture: picture.evaluate_only)


def joined(parts: Sequence[Crops]) -> Crops:
    """Return all crops one after another."""
    return Crops(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Crops.__dataclass_fields__
        )
    )
