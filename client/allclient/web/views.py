"""Makes pictures for the screen from a file of the store: upright, RGB, without its metadata.

Browsers show no TIFF, and an original may carry a patient's name in its metadata; so the page
never shows an original, it is only handed out as a download.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from allclient.errors import RefusedError
from allclient.store import Store
from allclient.store.schema import Cell
from allclient.web import outage

THUMBNAIL: Final = 320
"""The longer side of a small picture, in pixels."""

CELL: Final = 112
"""The side of a cell's picture, in pixels."""

_AROUND: Final = 0.35
"""Shares of a cell's longer side that are shown around it."""

_LONGEST_SIDE: Final = 8192
_MAX_PIXELS: Final = 150_000_000
"""A file of a few kilobytes can claim to hold more than any memory."""

_AT_ONCE: Final = threading.BoundedSemaphore(2)
_CELLS_AT_ONCE: Final = threading.Lock()


def picture(store: Store, digest: str, *, thumbnail: bool) -> bytes:
    """The JPEG that shows a file. Raises RefusedError where the file cannot be shown."""
    place = store.views / f"{digest}{'-small' if thumbnail else ''}.jpg"
    try:
        return place.read_bytes()
    except FileNotFoundError:
        pass
    data = store.files.read(digest)
    with _AT_ONCE:
        shown = rendered(data, THUMBNAIL if thumbnail else _LONGEST_SIDE)
    _write(place, shown)
    return shown


def cell_picture(store: Store, digest: str, cells: Sequence[Cell], number: int) -> bytes:
    """Return a small square JPEG around one of a file's ``cells``; all are made at once."""
    place = _cell_place(store, digest, number)
    with contextlib.suppress(FileNotFoundError):
        return place.read_bytes()
    with _CELLS_AT_ONCE:
        with contextlib.suppress(FileNotFoundError):
            return place.read_bytes()  # another request made it
        return _cut_cells(store, digest, cells)[number]


def _cut_cells(store: Store, digest: str, cells: Sequence[Cell]) -> dict[int, bytes]:
    cut = {}
    with Image.open(io.BytesIO(picture(store, digest, thumbnail=False))) as image:
        for cell in cells:
            width, height = cell.width * image.width, cell.height * image.height
            half = max(width, height, 1.0) * (0.5 + _AROUND)
            x, y = cell.x * image.width + width / 2, cell.y * image.height + height / 2
            # What lies beyond the edge of the field is black.
            box = (round(x - half), round(y - half), round(x + half), round(y + half))
            buffer = io.BytesIO()
            square = image.crop(box).resize((CELL, CELL), Image.Resampling.LANCZOS)
            square.save(buffer, "JPEG", quality=85)
            cut[cell.number] = buffer.getvalue()
            _write(_cell_place(store, digest, cell.number), cut[cell.number])
    return cut


def _cell_place(store: Store, digest: str, number: int) -> Path:
    return store.views / f"{digest}-cell-{number}.jpg"


def rendered(data: bytes, side: int) -> bytes:
    """Return an encoded image as JPEG of at most ``side`` pixels. Raises RefusedError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise RefusedError(
                        f"the picture has {image.width} x {image.height} pixels, "
                        "too many to be shown here; download the file instead"
                    )
                image.draft("RGB", (side, side))
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RefusedError("the picture cannot be shown; the file seems to be damaged") from error
    upright.thumbnail((side, side))
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=80 if side == THUMBNAIL else 95)
    return buffer.getvalue()


def _write(place: Path, data: bytes) -> None:
    """Write whole or not at all, as others may read it at the same time.

    Where there is no room, the picture is made anew the next time.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(place)
    except OSError as error:
        outage.record(error)
        with contextlib.suppress(OSError, NameError):
            Path(file.name).unlink()
