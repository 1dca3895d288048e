"""Defines one leukocyte that was found in a field, with its box and its own probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from allclient.contract import SUBTYPES, Label, Subtype

_EVEN = 0.5


class Box(NamedTuple):
    """A rectangle in pixels: ``left`` and ``top`` belong to it, ``right`` and ``bottom`` do not."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One leukocyte. ``x``, ``y``, ``width`` and ``height`` are its box, as shares of the field.

    ``x`` and ``y`` are the upper left corner; all four are shares, from 0 to 1, of the width and
    the height of the picture as it is shown, that is, turned as its EXIF or TIFF orientation says.

    ``probabilities`` are calibrated, the mean of the backbones. ``area_share`` is the cell's share
    of the field's leukocyte area, and ``agreement`` the share of the backbones that give the cell
    the same label.
    """

    x: float
    y: float
    width: float
    height: float
    probabilities: dict[Subtype, float]
    """Calibrated, sum 1: the mean of the backbones."""
    area_share: float
    """The cell's share of the field's leukocyte area."""
    agreement: float
    """The share of the backbones that give the cell the same label, 0 to 1."""

    @property
    def label(self) -> Label:
        """Malignant if the three malignant subtypes together are likelier than benign."""
        benign = self.probabilities[Subtype.BENIGN]
        return Label.MALIGNANT if benign < _EVEN else Label.BENIGN

    @property
    def subtype(self) -> Subtype:
        """The likeliest subtype of those that ``label`` leaves."""
        left = [subtype for subtype in SUBTYPES if subtype.label is self.label]
        return max(left, key=lambda subtype: self.probabilities[subtype])

    @property
    def probability(self) -> float:
        """The calibrated probability of ``label``."""
        benign = self.probabilities[Subtype.BENIGN]
        return benign if self.label is Label.BENIGN else 1.0 - benign

    def box(self, width: int, height: int) -> Box:
        """Return the box in whole pixels of a picture of this size; it has one pixel at least."""
        left, right = _span(self.x, self.width, width)
        top, bottom = _span(self.y, self.height, height)
        return Box(left, top, right, bottom)


def _span(start: float, length: float, size: int) -> tuple[int, int]:
    """Return the first and last (exclusive) pixel of ``size`` that a share of a side touches."""
    first = min(max(round(start * size), 0), size - 1)
    last = min(max(round((start + length) * size), first + 1), size)
    return first, last
