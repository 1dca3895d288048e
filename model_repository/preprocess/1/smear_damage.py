"""Signs that a part of a file or of its picture was overwritten or filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

ERASED: Final = 32
"""So many equal bytes in a row do not occur among well packed codes."""


def erased(data: bytes, start: int = 0, end: int | None = None, least: int = ERASED) -> bool:
    """Whether packed data hold a run of zeros, as of a block that was erased or never written."""
    return data.find(bytes(least), start, len(data) if end is None else end) >= 0


def overwritten(data: bytes | memoryview) -> bool:
    """Whether well packed data hold a long run of 00 or FF bytes."""
    whole = bytes(data)
    return any(whole.find(value * ERASED) >= 0 for value in (b"\0", b"\xff"))


RUN: Final = 512
"""Bytes of a disk sector, the least that is overwritten at once."""

RARE: Final = 0.002
"""Share of a value outside its long runs below which those runs are not the picture's own."""

_RUNS: Final = {value: re.compile(re.escape(value) + b"{%d,}" % RUN) for value in (b"\0", b"\xff")}


def blanked(data: bytes, parts: Iterable[tuple[int, int]]) -> bool:
    """Whether plain samples hold long runs of 00 or FF while these values hardly occur elsewhere.

    parts: where they start and end in the file. A field may have black surroundings or a
    burnt-out ground of its own: then single pixels of that value lie all over it. A plane of one
    value alone is transparency or an ink.
    """
    places = list(parts)
    size = sum(end - start for start, end in places)
    for value, runs in _RUNS.items():
        needle = value * RUN
        if not any(data.find(needle, start, end) >= 0 for start, end in places):
            continue
        count = sum(data.count(value, start, end) for start, end in places)
        length = sum(
            run.end() - run.start()
            for start, end in places
            for run in runs.finditer(data, start, end)
        )
        if length < size and count - length < RARE * (size - length):
            return True
    return False


DEPTH: Final = 7
"""Rows or columns of 224, 3%."""


def filled(rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether a band along one side has one colour that occurs hardly anywhere else.

    A decoder or a copy that ends early leaves such bands at the lower end of a picture as it is
    stored, which may have been turned. Equal bands on opposite sides are a frame, and a colour
    that occurs elsewhere too is a ground.
    """
    return any(_ends_in_band(view) for view in (rgb, rgb.transpose(1, 0, 2)))


def _ends_in_band(rgb: npt.NDArray[np.uint8]) -> bool:
    depths = [_depth(rgb), _depth(rgb[::-1])]
    if min(depths) >= DEPTH or max(depths) < DEPTH or max(depths) == len(rgb):
        return False
    stored = rgb if depths[0] >= DEPTH else rgb[::-1]
    rest = stored[max(depths) + DEPTH :]
    if not rest.size:
        return True
    same = (rest == stored[0, 0]).all(axis=2)
    return float(same.mean()) < RARE


def _depth(rgb: npt.NDArray[np.uint8]) -> int:
    """How many rows from the top have the colour of the first pixel."""
    if not (rgb[DEPTH - 1] == rgb[0, 0]).all():
        return 0
    same = (rgb == rgb[0, 0]).all(axis=(1, 2))
    return len(rgb) if same.all() else int(same.argmin())
