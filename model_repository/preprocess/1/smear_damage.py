"""Finds signs that a part of a file or of its picture was overwritten or filled in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

ERASED: Final = 32
"""So many equal bytes in a row do not occur among well packed codes."""


def erased(data: bytes, start: int = 0, end: int | None = None, least: int = ERASED) -> bool:
    """Return whether packed data hold a run of zeros, as of a block that was never written."""
    return data.find(bytes(least), start, len(data) if end is None else end) >= 0


def overwritten(data: bytes | memoryview) -> bool:
    """Return whether well packed data hold a long run of 00 or FF bytes."""
    whole = bytes(data)
    return any(whole.find(value * ERASED) >= 0 for value in (b"\0", b"\xff"))


BLOCK: Final = 64
"""Plain samples are looked at in blocks of so many bytes."""

LONG: Final = 7
"""A disk sector, the least that is overwritten at once, holds so many whole blocks."""

NOISE: Final = 68.0
"""Random bytes differ by 85 from their neighbours on average, those of 8,900 real images by 58 at
most, over 256 bytes."""

MAX_PLACES: Final = 10_000
"""Parts that lie apart; files with more are not looked at."""

_PIECE: Final = 1 << 24


def spoilt(data: bytes, parts: Iterable[tuple[int, int]], step: int) -> bool:
    """Return whether plain 8- or 16-bit samples seem overwritten with 00, with FF or at random.

    Args:
        parts: where they start and end in the file.
        step: bytes from one 8-bit pixel to the next; 0 for 16 bits, of which the lower ones are
            always random.
    """
    places = _joined(parts)
    if len(places) > MAX_PLACES:
        return False
    whole = np.frombuffer(data, np.uint8)
    if step and any(_is_noise(whole[start:end], step) for start, end in places):
        return True
    return any(_is_blanked(whole, places, value) for value in (0, 255))


def _joined(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join parts that follow one another in the file, but for filling bytes."""
    places: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if places and 0 <= start - places[-1][1] < 16:
            places[-1] = (places[-1][0], end)
        else:
            places.append((start, end))
    return places


def _is_blanked(data: Bytes, places: list[tuple[int, int]], value: int) -> bool:
    """Return whether there is one long run of a value, and no other.

    A field may have black surroundings or a burnt-out ground of its own: then it has many runs of
    that value. A plane of one value alone is transparency or an ink.
    """
    full = np.concatenate([_full_blocks(data[start:end], value) + start for start, end in places])
    if len(full) < LONG or len(full) == sum((end - start) // BLOCK for start, end in places):
        return False
    return bool((np.diff(full) == BLOCK).all())


def _full_blocks(samples: Bytes, value: int) -> npt.NDArray[np.int64]:
    """Return the places of the blocks that hold this value alone."""
    places = []
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        blocks = piece[: len(piece) // BLOCK * BLOCK].reshape(-1, BLOCK)
        likely = np.flatnonzero((blocks[:, 0] == value) & (blocks[:, -1] == value))
        places.append(likely[(blocks[likely] == value).all(axis=1)] * BLOCK + start)
    return np.concatenate(places)


def _is_noise(samples: Bytes, step: int) -> bool:
    """Return whether a stretch of 256 bytes looks random; one in four is looked at."""
    width = 4 * BLOCK
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        rows = piece[: len(piece) // (4 * width) * (4 * width)].reshape(-1, 4 * width)
        wide = rows[:, :width].astype(np.int16)
        apart = np.abs(wide[:, step:] - wide[:, :-step]).mean(axis=1)
        if len(apart) and apart.max() > NOISE:
            return True
    return False


RARE: Final = 0.01
"""Share of a colour outside a band of it, below which the band is not the picture's own."""

DEPTH: Final = 16
"""Rows or columns of 224, 7%."""


def filled(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether a band along one side has one colour that occurs hardly anywhere else.

    A decoder or a copy that ends early leaves such bands at the lower end of a picture as it is
    stored, which may have been turned. Equal bands on opposite sides are a frame, and a colour
    that occurs elsewhere too is a ground.
    """
    return any(_ends_in_band(view) for view in (rgb, rgb.transpose(1, 0, 2)))


def _ends_in_band(rgb: npt.NDArray[np.uint8]) -> bool:
    for view in (rgb, rgb[::-1]):
        colour = view[0, 0]
        depth = _depth(view)
        if depth < DEPTH or depth == len(view) or (view[-1] == colour).all():
            continue
        # Next to the band lie rows that it fills in part.
        rest = view[depth + DEPTH :]
        return not rest.size or bool((rest == colour).all(axis=2).mean() < RARE)
    return False


def _depth(rgb: npt.NDArray[np.uint8]) -> int:
    """Return how many rows from the top have the colour of the first pixel."""
    colour = rgb[0, 0].tobytes()
    if rgb[DEPTH - 1, 0].tobytes() != colour or rgb[DEPTH - 1, -1].tobytes() != colour:
        return 0
    same = (rgb == rgb[0, 0]).all(axis=(1, 2))
    return len(rgb) if same.all() else int(same.argmin())


STEP: Final = 30
"""Sum of the differences of three channels that is an edge, or four times the usual one."""

TORN: Final = 0.62
"""Share of a row's pixels that are edges to the next row: 0.55 at most in 8,900 real images."""

_FRAME: Final = 20


def torn(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether an edge runs across nearly all of the picture, as if decoding lost its way.

    The outermost rows are left out, where frames are, and so are cells cut out on black.
    """
    if (rgb.max(axis=2) == 0).mean() > 2 * RARE:
        return False
    inner = rgb[_FRAME:-_FRAME, _FRAME:-_FRAME]
    for view in (inner, inner.transpose(1, 0, 2)):
        apart = np.abs(np.diff(view.astype(np.int16), axis=0)).sum(axis=2)
        least = max(STEP, 4 * float(np.median(apart)))
        if (apart > least).mean(axis=1).max() > TORN:
            return True
    return False


def has_ground(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether a tenth of a picture [h, w, 3] has one colour exactly."""
    step = max(1, rgb.shape[0] * rgb.shape[1] // 50_000)
    some = rgb.reshape(-1, 3)[::step].astype(np.uint32)
    _, counts = np.unique(some[:, 0] << 16 | some[:, 1] << 8 | some[:, 2], return_counts=True)
    return bool(counts.max() > len(some) / 10)
