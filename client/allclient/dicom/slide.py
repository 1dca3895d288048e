"""Cuts one level of a whole-slide image into fields, in a child process with limits.

A field has the side that the networks know (``levels.FIELD_UM``). Frames are read one at a time
from the file, so a slide of any length needs little memory. Places are visited in an order that is
random and always the same; empty glass is passed over, and the first ``most`` others are fields.
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

from allclient.contract import ImageErrorCode
from allclient.dicom.header import corrupt
from allclient.dicom.regions import Region
from allclient.errors import ImageReadError

MAX_FIELDS: Final = 512
"""Fields of one slide that are read, spread over all of it."""

SECONDS: Final = 900
"""The longest that the fields of one slide may take."""

RECORD: Final = struct.Struct(">cIIIIQ")
"""What stands before a field: its kind, left, top, width, height, and the bytes that follow."""

FIELD, BAD, DONE = b"f", b"e", b"d"

PLACE: Final = struct.Struct(">IIII")
"""How a region is asked for: left, top, width, height."""

EACH: Final = "-"
"""Instead of a number of fields: each region is asked for."""


class SlideField(NamedTuple):
    """One field as a PNG file, and where it lies."""

    region: Region
    data: bytes


def fields(path: Path, most: int) -> Generator[SlideField, None, None]:
    """Yield at most ``most`` fields of the level in this file. Raises ImageReadError alone."""
    child = start(path, str(most), subprocess.DEVNULL)
    late = threading.Timer(SECONDS, child.kill)
    late.daemon = True
    late.start()
    try:
        yield from _fields(child)
    finally:
        late.cancel()
        child.kill()
        child.communicate()


def start(path: Path, most: str, places: int) -> subprocess.Popen[bytes]:
    """Start a child on a slide; ``places`` is its standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "allclient.dicom.slide_child", str(path), most],
        stdin=places,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


def _fields(child: subprocess.Popen[bytes]) -> Iterator[SlideField]:
    while (field := record(child)) is not None:
        yield field


def record(child: subprocess.Popen[bytes]) -> SlideField | None:
    """Return the next field that a child has read; None at the end. Raises ImageReadError."""
    assert child.stdout is not None
    head = child.stdout.read(RECORD.size)
    if len(head) < RECORD.size:
        raise corrupt(
            f"the decoder of the slide ended with {child.wait()}; it may have taken "
            f"more than {SECONDS} seconds"
        )
    kind, *region, length = RECORD.unpack(head)
    content = child.stdout.read(length)
    if kind == DONE:
        return None
    if kind == BAD:
        code, _, message = content.decode("utf-8", "replace").partition("\n")
        raise ImageReadError(message, code=code or ImageErrorCode.CORRUPT.value)
    return SlideField(Region(*region), content)
