"""Files that were made to cost much: each has a bound, and none of them is a second's work.

There are no timed assertions; without the bounds these tests take minutes, and end by the limit
that every test has.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pixels
import pytest
import smear_error
from PIL import Image

from samples import render
from tests.fuzz import inside
from tests.kinds.pngs import chunk
from tests.kinds.tiff_writer import tiff

pytestmark = pytest.mark.timeout(120)

(SMEAR,) = (one.image for one in render.images(count=1, seed=5, height=300))


def encode(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    SMEAR.save(file, format, **options)
    return file.getvalue()


def code(data: bytes) -> str | None:
    try:
        pixels.field(data)
    except pixels.ImageError as error:
        return error.code
    return None


JPEG = encode("JPEG")
SCAN = JPEG.index(b"\xff\xda")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 100_000_000,
        b"\xff\xd8\xff" + bytes(100_000_000),
        JPEG[:2] + b"\xff\xfe\0\2" * 10_000_000 + JPEG[2:],
        JPEG[: SCAN + 300] + b"\xff" * 50_000_000 + JPEG[SCAN + 300 :],
        JPEG[: SCAN + 300] + b"\xff\xd0" * 25_000_000 + JPEG[SCAN + 300 :],
        JPEG[: SCAN + 300] + b"\xff\0" * 25_000_000 + JPEG[SCAN + 300 :],
    ],
    ids=["erased flash", "zeros", "comments", "FF in a scan", "restarts", "stuffing"],
)
def test_jpegs(data: bytes) -> None:
    assert code(data) in (smear_error.CORRUPT, smear_error.TRUNCATED)


def test_a_jpeg_with_much_behind_its_end() -> None:
    assert code(JPEG + b"\xff\xd8\xff\xda" * 10_000_000) is None


def deflated(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return b"".join(parts) + packer.flush()


def png(width: int, height: int, packed: bytes, depth: int = 8, kind: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_png_of_one_pixel_that_unpacks_to_gigabytes() -> None:
    assert code(png(1, 1, deflated(64) * 32)) == smear_error.CORRUPT


def test_a_png_with_a_few_bytes_behind_its_picture() -> None:
    assert code(png(2, 2, zlib.compress(bytes(14 + 500)))) is None
    assert code(png(2, 2, zlib.compress(bytes(13)))) == smear_error.TRUNCATED


def test_a_png_that_needs_more_memory_than_any_of_8_bits() -> None:
    assert code(png(12_000, 12_000, b"", depth=16, kind=6)) == smear_error.TOO_LARGE


@pytest.mark.parametrize("name", [b"tEXt", b"IDAT", b"zTXt"])
def test_a_png_of_a_million_chunks(name: bytes) -> None:
    data = encode("PNG")
    assert code(data[:33] + chunk(name, b"") * 1_000_000 + data[33:]) == smear_error.CORRUPT


def test_a_webp_of_a_million_chunks() -> None:
    body = encode("WEBP")[12:] + (b"abcd" + bytes(4)) * 1_000_000
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    assert code(data) == smear_error.CORRUPT


def test_a_bmp_of_run_lengths() -> None:
    file = io.BytesIO()
    SMEAR.convert("P").save(file, "BMP")
    data = file.getvalue()
    data = data[:30] + b"\1" + data[31:] + b"\1\1" * 20_000_000
    assert code(data) == smear_error.UNSUPPORTED


@pytest.mark.parametrize("compression", [34712, 50002, 50001, 8, 5])
def test_a_tiff_that_claims_to_be_large(compression: int) -> None:
    side = 12_000
    tags = {256: (4, [side]), 257: (4, [side]), 258: (3, [8] * 3), 259: (3, [compression])}
    tags |= {262: (3, [2]), 277: (3, [3]), 278: (4, [side])}
    packed = {8: zlib.compress(bytes(1000))}.get(compression, np.random.default_rng(2).bytes(2000))
    assert code(tiff([(tags, [packed])])) in (
        smear_error.CORRUPT,
        smear_error.TRUNCATED,
        smear_error.UNSUPPORTED,
    )


def test_mutated_files_in_a_process_of_their_own() -> None:
    """The short form of tests/fuzz/mutate.py --in-process."""
    found = inside.run(range(250), limit=60)
    assert found["deaths"] == []
    assert found["hangs"] == []
    assert sum(found["outcomes"].values()) == 250


def test_large_pictures_of_one_colour_are_soon_read() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4000, 4000), (230, 220, 225)).save(file, "PNG")
    assert code(file.getvalue()) is None
