"""Encodes drawn images, and writes folders of them.

The same seed gives the same pictures, and with the same Pillow the same bytes.
"""

from __future__ import annotations

import io
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from samples import field
from samples.stains import STAINS

MARK: Final = "drawn by a program, not a patient"
"""Stands in every file: EXIF ImageDescription, PNG text "Description". BMP has no place for it."""

HEIGHT: Final = 360
SUFFIXES: Final = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "TIFF": "tif", "WebP": "webp"}


class Drawn(NamedTuple):
    """A drawn image and its name."""

    name: str
    """What is drawn: ``drawn-007-blasts-purple``."""
    image: Image.Image
    nuclei: tuple[field.Box, ...]
    """Where its leukocytes have their nuclei, in pixels."""
    smudges: tuple[field.Box, ...]


def images(
    *, count: int, seed: int = 1, height: int = HEIGHT, stain: str | None = None
) -> Iterator[Drawn]:
    """Yield ``count`` fields of 4:3, kinds and stains in turn; ``stain`` keeps to one of STAINS."""
    turns = itertools.product([stain] if stain else STAINS, field.KINDS)
    for index, (name, kind) in zip(range(count), itertools.cycle(turns), strict=False):
        rng = np.random.default_rng([seed, index])
        one = field.draw_known(rng, kind=kind, stain=name, height=height, width=height * 4 // 3)
        yield Drawn(f"drawn-{index:03d}-{kind}-{name}", *one)


def encode(image: Image.Image, format: str = "JPEG", **other: Any) -> bytes:
    """Return the bytes of a file in one of SUFFIXES, with MARK in its metadata if it has a place.

    ``other`` are options of Pillow's ``save`` that replace those used here.
    """
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = MARK
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 90, "exif": exif},
        "PNG": {"pnginfo": _png_text()},
        "TIFF": {"compression": "tiff_adobe_deflate", "description": MARK},
        "WebP": {"quality": 90, "exif": exif},
        "BMP": {},
    }
    file = io.BytesIO()
    image.save(file, format, **{**options[format], **other})
    return file.getvalue()


def encoded(
    *, count: int, seed: int = 1, format: str = "JPEG", height: int = HEIGHT
) -> list[bytes]:
    """Return ``count`` encoded files."""
    return [encode(one.image, format) for one in images(count=count, seed=seed, height=height)]


def folder(
    out: Path,
    *,
    count: int = 24,
    seed: int = 1,
    height: int = HEIGHT,
    stain: str | None = None,
    awkward: bool = False,
) -> list[Path]:
    """Write ``count`` files, JPEG and PNG in turn; ``awkward`` adds four that have no answer."""
    out.mkdir(parents=True, exist_ok=True)
    contents: dict[str, bytes] = {}
    formats = itertools.cycle(("JPEG", "PNG"))
    for one, format in zip(
        images(count=count, seed=seed, height=height, stain=stain), formats, strict=False
    ):
        contents[f"{one.name}.{SUFFIXES[format]}"] = encode(one.image, format)
    if awkward:
        contents |= awkward_files()
    for name, data in contents.items():
        (out / name).write_bytes(data)
    return [out / name for name in contents]


def awkward_files() -> dict[str, bytes]:
    """Return files that a folder may hold and that no classifier can answer, by name."""
    whole = encoded(count=1, seed=0)[0]
    return {
        "truncated.jpg": whole[: len(whole) * 6 // 10],
        "text.png": b"These are the notes on the smear, saved under a wrong name.\n",
        "zero-bytes.jpg": b"",
        "30000x30000.png": solid_png(30_000),
    }


def solid_png(side: int) -> bytes:
    """Return a valid 1-bit white PNG of side x side pixels that is small on disk."""
    row = b"\0" + b"\xff" * ((side + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(file, b"IHDR", pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    PngImagePlugin.putchunk(file, b"tEXt", b"Description\0" + MARK.encode())
    PngImagePlugin.putchunk(file, b"IDAT", packed)
    PngImagePlugin.putchunk(file, b"IEND", b"")
    return file.getvalue()


def _png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Description", MARK)
    return info
