"""What was damaged is refused, or asks for review where nobody can tell for certain."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import majority
import numpy as np
import pixels
import pytest
import smear_file
import smear_quality
from PIL import Image

from samples import render
from tests.kinds.pngs import chunk
from tests.kinds.tiff_writer import tiff

(SMEAR,) = (one.image for one in render.images(count=1, seed=5, height=300))
SHARPNESS = smear_quality.QUALITY_FIELDS.index("sharpness")


def encode(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    SMEAR.save(file, format, **options)
    return file.getvalue()


def jpeg2000() -> bytes:
    block = imagecodecs.jpeg2k_encode(np.asarray(SMEAR), level=0, codecformat="j2k")
    width, height = SMEAR.size
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8] * 3), 259: (3, [34712])}
    return tiff([({**tags, 262: (3, [2]), 277: (3, [3]), 278: (4, [height])}, [block])])


FILES = {
    "JPEG": encode("JPEG", quality=90),
    "optimised JPEG": encode("JPEG", quality=90, optimize=True),
    "progressive JPEG": encode("JPEG", quality=90, progressive=True),
    "JPEG with restarts": encode("JPEG", quality=90, restart_marker_blocks=5),
    "PNG": encode("PNG"),
    "BMP": encode("BMP"),
    "raw TIFF": encode("TIFF"),
    "LZW TIFF": encode("TIFF", compression="tiff_lzw"),
    "deflate TIFF": encode("TIFF", compression="tiff_adobe_deflate"),
    "JPEG TIFF": encode("TIFF", compression="jpeg", quality=90),
    "JPEG 2000 TIFF": jpeg2000(),
    "WebP": encode("WEBP", quality=90),
    "lossless WebP": encode("WEBP", lossless=True),
}
PLAIN = ("BMP", "raw TIFF")
"""Without any coding that could break, so that only the picture can show it."""


def seen(data: bytes) -> str | None:
    """The code of the refusal; "review" for an answer that asks for it; None for a plain answer."""
    try:
        quality = pixels.decode(data).quality
    except pixels.ImageError as error:
        return error.code
    return "review" if quality[SHARPNESS] == 0 else None


def test_the_released_policy_asks_for_review_of_a_picture_that_seems_damaged() -> None:
    released = Path(majority.__file__).with_name("policy.json")
    limits = {limit.at: limit for limit in majority.Policy.load(released).quality_limits}
    assert limits[SHARPNESS].low > 0


@pytest.mark.parametrize("name", FILES)
def test_whole_files_raise_no_alarm(name: str) -> None:
    assert seen(FILES[name]) is None


FILLINGS: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "ones": lambda size: b"\xff" * size,
    "noise": np.random.default_rng(4).bytes,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("part", [0.3, 0.55, 0.8])
def test_a_block_that_was_overwritten(name: str, filling: str, part: float) -> None:
    data = bytearray(FILES[name])
    at, size = int(len(data) * part), 4096 if len(data) > 40_000 else 1024
    data[at : at + size] = FILLINGS[filling](size)
    assert seen(bytes(data)) is not None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("filling", ["zeros", "ones"])
@pytest.mark.parametrize("part", [0.25, 0.5, 0.75, 0.9])
def test_a_copy_that_ended_early_in_a_file_of_full_size(
    name: str, filling: str, part: float
) -> None:
    data = FILES[name]
    at = int(len(data) * part)
    assert seen(data[:at] + FILLINGS[filling](len(data) - at)) is not None


@pytest.mark.parametrize("name", [name for name in FILES if "JPEG" in name and "TIFF" not in name])
def test_data_after_the_end_marker_of_a_jpeg_are_nobodys_business(name: str) -> None:
    for tail in (b"\0", bytes(10_000), b"\xff" * 5000, FILES[name], b"<metadata/>"):
        assert seen(FILES[name] + tail) is None


@pytest.mark.parametrize("name", [name for name in FILES if "JPEG" in name and "TIFF" not in name])
def test_a_jpeg_without_its_end_marker(name: str) -> None:
    data = FILES[name]
    assert seen(data[:-2]) == smear_file.TRUNCATED
    assert seen(data[:-2] + bytes(2)) in (smear_file.TRUNCATED, smear_file.CORRUPT)
    assert seen(data[:-2] + bytes(5000)) in (smear_file.TRUNCATED, smear_file.CORRUPT)


def test_the_end_marker_of_a_thumbnail_is_not_that_of_the_picture() -> None:
    small = io.BytesIO()
    SMEAR.resize((40, 30)).save(small, "JPEG")
    content = b"Exif\0\0II*\0\x08\0\0\0" + bytes(6) + small.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    whole = FILES["JPEG"][:2] + segment + FILES["JPEG"][2:]
    assert seen(whole) is None
    assert seen(whole[: len(whole) // 2] + bytes(len(whole) // 2)) is not None
    assert seen(whole[:-2]) == smear_file.TRUNCATED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"JFIF\0\1\1", b"JFIF\0\2\1"),
        (b"JFIF\0\1\1", b"JFIF\0\0\0"),
        (b"\x11\x03\x11\0\x3f\0", b"\x11\x03\x11\0\0\0"),
    ],
)
def test_what_libjpeg_warns_of_and_corrects_itself_costs_nothing(old: bytes, new: bytes) -> None:
    data = FILES["JPEG"]
    assert old in data
    np.testing.assert_array_equal(pixels.rgb(data.replace(old, new, 1)), pixels.rgb(data))


def test_a_png_whose_packed_data_have_another_checksum() -> None:
    width, height = SMEAR.size
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(SMEAR))
    packed = zlib.compress(rows)
    for wrong in (packed[:-1] + bytes([packed[-1] ^ 1]), packed[:-4], zlib.compress(rows[:-900])):
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", wrong) + chunk(b"IEND", b"")
        assert seen(b"\x89PNG\r\n\x1a\n" + body) in (smear_file.CORRUPT, smear_file.TRUNCATED)


def strips(blocks: list[bytes], code: int, counts: list[int] | None = None) -> bytes:
    """A TIFF of RGB strips of 20 rows."""
    width, height = SMEAR.size
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8] * 3), 259: (3, [code])}
    tags |= {262: (3, [2]), 277: (3, [3]), 278: (4, [20])}
    return tiff([({**tags, **({279: (4, counts)} if counts else {})}, blocks)])


ROWS = [np.asarray(SMEAR)[top : top + 20].tobytes() for top in range(0, SMEAR.height, 20)]


@pytest.mark.parametrize(
    ("code", "pack"),
    [
        (1, bytes),
        (5, imagecodecs.lzw_encode),
        (8, zlib.compress),
        (32773, imagecodecs.packbits_encode),
        (50000, imagecodecs.zstd_encode),
    ],
)
def test_a_strip_that_is_shorter_than_its_rows(code: int, pack: Callable[[bytes], bytes]) -> None:
    whole = [pack(rows) for rows in ROWS]
    assert seen(strips(whole, code)) is None
    short = [*whole[:3], pack(ROWS[3][:-700]), *whole[4:]]
    assert seen(strips(short, code)) in (smear_file.CORRUPT, smear_file.TRUNCATED)
    counts = [len(block) for block in whole]
    for wrong in (counts[3] // 2, 0, 10**8):
        data = strips(whole, code, [*counts[:3], wrong, *counts[4:]])
        assert seen(data) in (smear_file.CORRUPT, smear_file.TRUNCATED)


@pytest.mark.parametrize("filling", ["zeros", "ones"])
def test_the_end_of_many_strips_is_blank(filling: str) -> None:
    data = strips(ROWS, 1)
    end = data.rindex(ROWS[-1]) + len(ROWS[-1])
    size = 4 * len(ROWS[0])
    assert seen(data[: end - size] + FILLINGS[filling](size) + data[end:]) == "review"


def test_deflate_in_a_tiff_with_another_checksum() -> None:
    whole = [zlib.compress(rows) for rows in ROWS]
    for wrong in (whole[3][:-1] + bytes([whole[3][-1] ^ 1]), whole[3][:-4]):
        data = strips([*whole[:3], wrong, *whole[4:]], 8)
        assert seen(data) in (smear_file.CORRUPT, smear_file.TRUNCATED)


def test_sizes_in_the_header_of_a_webp() -> None:
    data = FILES["WebP"]
    for at in (4, 16):
        changed = bytearray(data)
        size = int.from_bytes(data[at : at + 4], "little")
        changed[at : at + 4] = (size + 100).to_bytes(4, "little")
        assert seen(bytes(changed)) == smear_file.TRUNCATED


def test_a_picture_that_a_decoder_had_filled_asks_for_review() -> None:
    """As after a repair by another program, which gives the file a proper end."""
    for colour in ((128, 128, 128), (0, 0, 0), (90, 200, 10)):
        image = SMEAR.copy()
        image.paste(colour, (0, 200, SMEAR.width, SMEAR.height))
        image.paste(colour, (SMEAR.width // 3, 190, SMEAR.width, 200))
        for format, options in (("PNG", {}), ("JPEG", {"quality": 90})):
            file = io.BytesIO()
            image.save(file, format, **options)
            assert seen(file.getvalue()) == "review"


@pytest.mark.parametrize("margins", [(0, 40, 0, 40), (30, 30, 30, 30), (40, 0, 40, 0)])
def test_a_frame_is_no_damage(margins: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = margins
    image = Image.new("RGB", (SMEAR.width + left + right, SMEAR.height + top + bottom))
    image.paste(SMEAR, (left, top))
    for format in ("PNG", "BMP", "TIFF", "WEBP"):
        file = io.BytesIO()
        image.save(file, format, **({"lossless": True} if format == "WEBP" else {}))
        assert seen(file.getvalue()) is None, format


def test_a_cell_cut_out_on_black_is_no_damage() -> None:
    y, x = np.mgrid[0:400, 0:400]
    inside = (x - 180) ** 2 + (y - 220) ** 2 < 90**2
    noise = np.random.default_rng(3).integers(90, 170, (400, 400, 3))
    image = Image.fromarray((noise * inside[..., None]).astype("u1"))
    for format in ("PNG", "BMP", "TIFF", "WEBP", "JPEG"):
        file = io.BytesIO()
        image.save(file, format, **({"lossless": True} if format == "WEBP" else {}))
        assert not pixels.field(file.getvalue()).suspect, format
