"""Finds what part of a field has to be computed if blank parts are left out, in three ways.

A field, as ``smear_density.render`` shows it, is white but for its leukocytes. The heads are linear
in averages over leukocytes, so white parts count for nothing beyond the reach of the convolutions.
All functions work on blocks: a block of so many pixels a side is occupied if any of its pixels
shows something. Nothing here is served; ``less_work.py`` measures with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Blocks = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

WHITE: Final = 255


class Piece(NamedTuple):
    """A group of occupied blocks that stay together."""

    top: int
    left: int
    blocks: Blocks
    """bool [h, w], which of the blocks below and right of the corner belong to it."""


class Packed(NamedTuple):
    """Where the pieces of a field lie on a smaller square."""

    side: int
    """Blocks."""
    pieces: list[Piece]
    corners: list[tuple[int, int]]
    """Top and left of each piece on the square."""


def occupied(pixels: Pixels, block: int, visible_below: int = WHITE) -> Blocks:
    """Return which blocks show anything: uint8 [side, side, 3] -> bool [side / block] twice."""
    count = len(pixels) // block
    shown = pixels.min(axis=2) < visible_below
    return np.asarray(shown.reshape(count, block, count, block).any(axis=(1, 3)))


def grown(blocks: Blocks, margin: int) -> Blocks:
    """Return the blocks with all that lie within ``margin`` blocks of one of them."""
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return cv2.dilate(blocks.astype(np.uint8), kernel).reshape(blocks.shape).astype(bool)


def rectangle(blocks: Blocks, margin: int) -> float:
    """Return the share of the field in the smallest rectangle around all blocks and margins."""
    rows, columns = (np.flatnonzero(line) for line in _lines(blocks, margin))
    return float(np.ptp(rows) + 1) * float(np.ptp(columns) + 1) / blocks.size if len(rows) else 0.0


def bands(blocks: Blocks, margin: int) -> float:
    """Return the share of the field that is left without the rows and columns that are blank."""
    rows, columns = _lines(blocks, margin)
    return float(rows.mean() * columns.mean())


def pieces(blocks: Blocks, gap: int) -> list[Piece]:
    """Return the pieces of a field, largest first; those nearer than about ``gap`` are one."""
    near = cv2.dilate(blocks.astype(np.uint8), np.ones((gap + 1, gap + 1), np.uint8))
    count, labels = cv2.connectedComponents(near.reshape(blocks.shape), connectivity=8)
    found = []
    for number in range(1, count):
        own = (labels == number) & blocks
        if own.any():
            left, top, wide, high = cv2.boundingRect(own.astype(np.uint8))
            found.append(Piece(top, left, own[top : top + high, left : left + wide]))
    return sorted(found, key=lambda piece: -piece.blocks.size)


def packed(blocks: Blocks, gap: int, sides: Iterable[int]) -> Packed:
    """Lay the pieces onto the first square of ``sides`` that holds them, ``gap`` blocks apart.

    A field that fits into none stays as it is.
    """
    parts = pieces(blocks, gap)
    for side in sides:
        if side < len(blocks) and (corners := _corners(parts, gap, side)) is not None:
            return Packed(side, parts, corners)
    return Packed(len(blocks), parts, [(piece.top, piece.left) for piece in parts])


def canvas(pixels: Pixels, block: int, layout: Packed) -> Pixels:
    """Return the square with the pixels of all pieces on white."""
    side = layout.side * block
    drawn = np.full((side, side, 3), WHITE, np.uint8)
    for piece, (top, left) in zip(layout.pieces, layout.corners, strict=True):
        high, wide = (block * length for length in piece.blocks.shape)
        shown = np.kron(piece.blocks, np.ones((block, block), bool))[..., None]
        source = pixels[piece.top * block :, piece.left * block :][:high, :wide]
        target = drawn[top * block :, left * block :][:high, :wide]
        np.copyto(target, source, where=shown)
    return drawn


def _lines(blocks: Blocks, margin: int) -> tuple[Blocks, Blocks]:
    """Return which rows and which columns hold a block or a margin."""
    whole = grown(blocks, margin)
    return whole.any(axis=1), whole.any(axis=0)


def _corners(parts: list[Piece], gap: int, side: int) -> list[tuple[int, int]] | None:
    """Return where each piece goes, as far up and then left as can be; None if they do not fit."""
    taken = np.zeros((side, side), np.float32)
    corners = []
    for piece in parts:
        high, wide = piece.blocks.shape
        if high > side or wide > side:
            return None
        around = grown(np.pad(piece.blocks, gap), gap).astype(np.float32)
        overlap = cv2.filter2D(
            np.pad(taken, gap), -1, around, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
        )[: side - high + 1, : side - wide + 1]
        free = np.flatnonzero(overlap < 0.5)  # sums of whole numbers
        if not len(free):
            return None
        top, left = divmod(int(free[0]), side - wide + 1)
        corners.append((top, left))
        taken[top : top + high, left : left + wide][piece.blocks] = 1
    return corners
