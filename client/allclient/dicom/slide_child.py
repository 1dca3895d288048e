"""Reads the fields of a slide: the child process of ``slide`` and ``slide_regions``.

``python -m allclient.dicom.slide_child FILE MOST`` writes records to standard output. With ``-``
for MOST it answers each region on standard input with a record.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset

from allclient.contract import ImageErrorCode
from allclient.dicom import levels, slide
from allclient.dicom.child import limit
from allclient.dicom.header import corrupt, unsupported
from allclient.dicom.regions import Region
from allclient.dicom.samples import icc_profile
from allclient.dicom.slide import BAD, DONE, EACH, FIELD, PLACE, RECORD
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageReadError

Pixels = npt.NDArray[np.uint8]

_MEMORY: Final = 4 * 1024**3
_PLAIN: Final = 6.0
"""A field whose green differs by less than this (standard deviation) is empty glass."""

_MAX_TILE: Final = 4096


def grid(columns: int, rows: int, tile: tuple[int, int], side: float) -> list[Region]:
    """Return the fields of a level: blocks of whole tiles, or equal parts of one tile.

    ``side`` is the wanted one in pixels. What is left at the right and the lower edge and has less
    than half of a field is no field.
    """
    width, height = (_step(length, side) for length in tile)
    return [
        Region(left, top, min(width, columns - left), min(height, rows - top))
        for top in range(0, rows, height)
        for left in range(0, columns, width)
        if columns - left >= width / 2 and rows - top >= height / 2
    ]


def _step(tile: int, side: float) -> int:
    return tile * round(side / tile) if side >= tile * 0.75 else -(-tile // round(tile / side))


def is_empty(pixels: Pixels) -> bool:
    """Return whether a field is plain, as empty glass is; every fourth pixel is looked at."""
    return float(pixels[::4, ::4, 1].std()) < _PLAIN


def read(path: str, most: int) -> Iterator[tuple[Region, bytes]]:
    """Yield the fields. Raises ImageReadError."""
    header = _checked(path)
    size = um_per_pixel(header)
    if size is None:
        raise _not_read("the slide does not say the size of its pixels")
    level = _opened(path)
    places = grid(
        int(header.TotalPixelMatrixColumns),
        int(header.TotalPixelMatrixRows),
        (int(header.Columns), int(header.Rows)),
        levels.FIELD_UM / size,
    )
    random.Random(str(header.SOPInstanceUID)).shuffle(places)  # noqa: S311  no secret
    profile = icc_profile(header)
    found = 0
    for place in places:
        if found >= most:
            return
        pixels = _pixels(level, place)
        if not is_empty(pixels):
            found += 1
            yield place, _png(pixels, profile)


def answer(path: str, places: BinaryIO) -> Iterator[tuple[Region, bytes]]:
    """Yield each region that is asked for. Raises ImageReadError."""
    header, level = _checked(path), _opened(path)
    columns, rows = int(header.TotalPixelMatrixColumns), int(header.TotalPixelMatrixRows)
    profile = icc_profile(header)
    while len(asked := places.read(PLACE.size)) == PLACE.size:
        place = Region(*PLACE.unpack(asked))
        if not (0 < place.width <= columns - place.left and 0 < place.height <= rows - place.top):
            raise corrupt("the slide has no such field")
        yield place, _png(_pixels(level, place), profile)


def _opened(path: str) -> highdicom.Image:
    return highdicom.imread(path, lazy_frame_retrieval=True)


def _checked(path: str) -> Dataset:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    if "TotalPixelMatrixColumns" not in header or "TotalPixelMatrixRows" not in header:
        raise _not_read("the slide is not in tiles")
    if int(header.SamplesPerPixel) != 3 or int(header.BitsAllocated) != 8:
        raise _not_read("only slides in colour with 8 bits are read")
    if "ConcatenationUID" in header:
        raise _not_read("the level of the slide is split over several objects")
    if int(header.get("TotalPixelMatrixFocalPlanes") or 1) != 1:
        raise _not_read("the slide has several focal planes")
    if max(int(header.Columns), int(header.Rows)) > _MAX_TILE:
        raise _not_read(f"the tiles of the slide are larger than {_MAX_TILE} pixels")
    return header


def _not_read(what: str) -> ImageReadError:
    return unsupported(f"{what}; export the fields to be read as single pictures")


def _pixels(level: highdicom.Image, place: Region) -> Pixels:
    pixels: Pixels = level.get_total_pixel_matrix(
        row_start=place.top,
        row_end=place.top + place.height,
        column_start=place.left,
        column_end=place.left + place.width,
        as_indices=True,
        dtype=np.uint8,
        apply_icc_profile=False,  # it is written into the field, and the server applies it
    )
    return pixels


def _png(pixels: Pixels, profile: bytes | None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1, icc_profile=profile)
    return file.getvalue()


def main() -> None:
    """Write the records of a slide to standard output."""
    limit(_MEMORY, slide.SECONDS)
    output = sys.stdout.buffer

    def say(kind: bytes, content: bytes, region: Any = (0, 0, 0, 0)) -> None:
        output.write(RECORD.pack(kind, *region, len(content)) + content)
        output.flush()

    path, most = sys.argv[1:]
    try:
        found = answer(path, sys.stdin.buffer) if most == EACH else read(path, int(most))
        for region, field in found:
            say(FIELD, field, region)
    except ImageReadError as error:
        say(BAD, f"{error.code}\n{error}".encode())
    except MemoryError:
        say(BAD, f"{ImageErrorCode.TOO_LARGE.value}\nthe slide takes too much memory".encode())
    except Exception as error:
        broken = corrupt(f"the slide is damaged ({type(error).__name__})")
        say(BAD, f"{broken.code}\n{broken}".encode())
    else:
        say(DONE, b"")


if __name__ == "__main__":
    main()
