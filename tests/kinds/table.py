"""What is read, as a page of Markdown, from files that were made and tried."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import smear_error
import smear_webp

from tests.kinds import bmps, lossy, pngs, tiffs
from tests.kinds.kind import Kind, outcome

FORMATS: dict[str, Callable[[], Iterator[Kind]]] = {
    "TIFF": tiffs.kinds,
    "JPEG": lossy.jpegs,
    "PNG": pngs.kinds,
    "BMP": bmps.kinds,
    "WebP": lossy.webps,
}

HEAD = f"""\
# What is read

Written by `python -m tests.kinds > docs/formats.md`. It makes a file of every kind below, reads
it, and compares the picture with the one it was made of. `yes`: it comes out right. `no`: it is
refused as `image_unsupported`, with what it is and what to do. A kind that is read wrong fails the
tests. A blank cell is a combination that no encoder at hand writes.

The limits: {smear_error.MAX_PIXELS / 1e6:.0f} megapixels, \
{smear_webp.MAX_WEBP_PIXELS / 1e6:.0f} for WebP, by the header alone. Transparent parts show white.
An ICC profile is applied, and the orientation of EXIF or of the TIFF is followed. Of several pages
or frames the first is read and all are counted.
"""

TIFF = """
Each in little-endian and big-endian order, as TIFF and BigTIFF, in strips and in tiles, with and
without a predictor where one fits. JPEG 2000, JPEG XL and WebP may have 40 megapixels a strip or
tile. Colours have 8 or 16 bits a sample. Floating point is read in grey alone, with 16 or 32 bits.

Also read:

- subsampled YCbCr, `FillOrder` 2 and palettes of 8-bit colours
- stacks behind one directory (ImageJ, MetaMorph, tifffile), counted as pages
- OME-TIFF, whose red, green and blue channels are one picture

Reduced copies are not counted. Raw camera files are not read. Neither are whole-slide images that
are larger than the limit or start with a photograph of the label.
"""

DAMAGE = """
## Damage

Refused:

- what ends early
- what a checksum or a strict decoder finds
- long runs of zeros or FF where packed data cannot have them

Some damage cannot be told for certain. Then the answer carries `poor_quality`:

- long runs of 00 or FF, or noise, in plain samples that have nothing like it elsewhere
- a WebP that does not need its last bytes
- a band of one colour along one side
- an edge across the whole picture in a coding that has no checks

Not found:

- single changed bits where nothing checks them: most in JPEG, LZW, PackBits and plain samples
- small changes in JPEG 2000
- what an editor drew over
"""


@functools.cache
def outcomes(format: str) -> dict[tuple[str, str], set[str]]:
    """What became of the files of each row and column; AssertionError where one is read wrong."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind in FORMATS[format]():
        found.setdefault((kind.row, kind.column), set()).add(outcome(kind))
    return found


def text() -> str:
    """The whole page."""
    parts = [HEAD]
    for format in FORMATS:
        parts.append(f"\n## {format}\n{TIFF if format == 'TIFF' else ''}\n{_table(format)}")
    return "".join([*parts, DAMAGE])


def _table(format: str) -> str:
    found = outcomes(format)
    rows = list(dict.fromkeys(row for row, _ in found))
    columns = list(dict.fromkeys(column for _, column in found))
    lines = [
        "| | " + " | ".join(column or "read" for column in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for row in rows:
        cells = [_cell(found.get((row, column), set())) for column in columns]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(results: set[str]) -> str:
    if len(results) > 1:
        return "in part"
    return next(iter(results), "")
