"""Cuts one level of a whole-slide image into fields, in a child process with limits.

A field has the side that the networks know (``FIELD_UM``). Frames are read one at a time from the
file, so a slide of any length needs little memory. Places are visited in an order that is random
and always the same; empty glass is passed over, and the first ``most`` others are fields.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pydicom.dataset import Dataset

from allclient.contract import ImageErrorCode
from allclient.dicom.header import corrupt
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageReadError

FIELD_UM: Final = 130.0
"""The side of a field in micrometres: in the public set a red cell (7.2 um) is 12.3 of 224 pixels
wide (median of 80 fields)."""

KNOWN_UM: Final = FIELD_UM / 224
"""Micrometres a pixel that the networks know."""

MAX_UM: Final = 2 * KNOWN_UM
"""The coarsest level that is read."""

SECONDS: Final = 900
"""The longest that the fields of one slide may take."""

RECORD: Final = struct.Struct(">cIIIIQ")
"""What stands before a field: its kind, left, top, width, height, and the bytes that follow."""

FIELD, BAD, DONE = b"f", b"e", b"d"


class Region(NamedTuple):
    """A part of the whole picture of a level (its total pixel matrix), in pixels."""

    left: int
    top: int
    width: int
    height: int


class SlideField(NamedTuple):
    """One field as a PNG file, and where it lies."""

    region: Region
    data: bytes


def nearest(levels: list[Dataset]) -> int | None:
    """Return which level to read: the coarsest one that is as fine as the networks know.

    A fifth coarser passes as well. Without such a level it is the finest, and None if that is
    coarser than ``MAX_UM`` or no level says the size of its pixels.
    """
    sizes = {at: size for at, level in enumerate(levels) if (size := um_per_pixel(level))}
    fine = {at: size for at, size in sizes.items() if size <= 1.2 * KNOWN_UM}
    if fine:
        return max(fine, key=lambda at: fine[at])
    finest = min(sizes, key=lambda at: sizes[at], default=None)
    return finest if finest is not None and sizes[finest] <= MAX_UM else None


def fields(path: Path, most: int) -> Generator[SlideField, None, None]:
    """Yield at most ``most`` fields of the level in this file. Raises ImageReadError alone."""
    child = subprocess.Popen(
        [sys.executable, "-m", "allclient.dicom.slide_child", str(path), str(most)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    late = threading.Timer(SECONDS, child.kill)
    late.daemon = True
    late.start()
    try:
        yield from _fields(child)
    finally:
        late.cancel()
        child.kill()
        child.communicate()


def _fields(child: subprocess.Popen[bytes]) -> Iterator[SlideField]:
    assert child.stdout is not None
    while True:
        head = child.stdout.read(RECORD.size)
        if len(head) < RECORD.size:
            raise corrupt(
                f"the decoder of the slide ended with {child.wait()}; it may have taken "
                f"more than {SECONDS} seconds"
            )
        kind, *region, length = RECORD.unpack(head)
        content = child.stdout.read(length)
        if kind == DONE:
            return
        if kind == BAD:
            code, _, message = content.decode("utf-8", "replace").partition("\n")
            raise ImageReadError(message, code=code or ImageErrorCode.CORRUPT.value)
        yield SlideField(Region(*region), content)
