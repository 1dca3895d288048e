"""Reads the fields of a slide: the child process of ``slide``.

``python -m allclient.dicom.slide_child FILE MOST`` writes records to standard output.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from typing import Any, Final

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset

from allclient.contract import ImageErrorCode
from allclient.dicom import slide
from allclient.dicom.child import limit
from allclient.dicom.header import corrupt, unsupported
from allclient.dicom.samples import icc_profile
from allclient.dicom.slide import BAD, DONE, FIELD, RECORD, Region
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
    header = pydicom.dcmread(path, stop_before_pixels=True)
    _check(header)
    size = um_per_pixel(header)
    if size is None:
        raise unsupported("the slide does not say the size of its pixels")
    level = highdicom.imread(path, lazy_frame_retrieval=True)
    places = grid(
        int(header.TotalPixelMatrixColumns),
        int(header.TotalPixelMatrixRows),
        (int(header.Columns), int(header.Rows)),
        slide.FIELD_UM / size,
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


def _check(level: Dataset) -> None:
    if "TotalPixelMatrixColumns" not in level or "TotalPixelMatrixRows" not in level:
        raise unsupported("the slide is not in tiles")
    if int(level.SamplesPerPixel) != 3 or int(level.BitsAllocated) != 8:
        raise unsupported("only slides in colour with 8 bits are read")
    if "ConcatenationUID" in level:
        raise unsupported("the level of the slide is split over several objects")
    if int(level.get("TotalPixelMatrixFocalPlanes") or 1) != 1:
        raise unsupported("the slide has several focal planes")
    if max(int(level.Columns), int(level.Rows)) > _MAX_TILE:
        raise unsupported(f"the tiles of the slide are larger than {_MAX_TILE} pixels")


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

    try:
        for region, field in read(sys.argv[1], int(sys.argv[2])):
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
