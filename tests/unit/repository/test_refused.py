"""What gives no trustworthy picture is refused with a code and a sentence, never answered."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pixels
import pytest
import smear_file
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

RNG = np.random.default_rng(5)
LUMPS = Image.fromarray(np.kron(RNG.integers(0, 256, (12, 16, 3)), np.ones((5, 5, 1))).astype("u1"))


def encode(format: str, image: Image.Image = LUMPS, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


FILES = {
    "JPEG": encode("JPEG"),
    "progressive JPEG": encode("JPEG", progressive=True),
    "CMYK JPEG": encode("JPEG", LUMPS.convert("CMYK")),
    "PNG": encode("PNG"),
    "palette PNG": encode("PNG", LUMPS.convert("P")),
    "BMP": encode("BMP"),
    "palette BMP": encode("BMP", LUMPS.convert("P")),
    "raw TIFF": encode("TIFF"),
    "LZW TIFF": encode("TIFF", compression="tiff_lzw"),
    "Deflate TIFF": encode("TIFF", compression="tiff_adobe_deflate"),
    "JPEG TIFF": encode("TIFF", compression="jpeg"),
    "BigTIFF": encode("TIFF", big_tiff=True),
    "WebP": encode("WEBP"),
    "lossless WebP": encode("WEBP", lossless=True),
    "animated WebP": encode("WEBP", save_all=True, append_images=[LUMPS.rotate(90)]),
}


def refusal(data: bytes) -> pixels.ImageError:
    """What serving says; training, which reads colours, has to hear the same."""
    with pytest.raises(pixels.ImageError) as refused:
        pixels.decode(data)
    with pytest.raises(pixels.ImageError) as again:
        pixels.rgb(data)
    assert (again.value.code, str(again.value)) == (refused.value.code, str(refused.value))
    return refused.value


def test_every_whole_file_is_read() -> None:
    for data in FILES.values():
        pixels.decode(data)


def test_no_bytes() -> None:
    assert refusal(b"").code == smear_file.EMPTY


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.999, 0.9, 0.5, 0.2])
def test_a_file_that_was_cut(name: str, part: float) -> None:
    data = FILES[name]
    error = refusal(data[: int(len(data) * part)])
    assert error.code == smear_file.TRUNCATED, error


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lacks_its_last_bytes_is_refused_unless_every_pixel_is_there(name: str) -> None:
    whole = pixels.rgb(FILES[name])
    for cut in (1, 2, 3, 7, 19):
        code, rest = None, whole
        try:
            rest = pixels.rgb(FILES[name][:-cut])
        except pixels.ImageError as error:
            code = error.code
        assert code in (None, smear_file.TRUNCATED), cut
        np.testing.assert_array_equal(rest, whole)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (encode("GIF"), "a GIF"),
        (encode("PDF"), "a PDF"),
        (encode("JPEG2000"), "JPEG 2000"),
        (encode("ICO", LUMPS.resize((16, 16))), "an icon"),
        (b"8BPS\0\1" + bytes(20), "a Photoshop document"),
        (bytes(128) + b"DICM\2\0\0\0UL", "a DICOM object"),
        (b"\0\0\0\x20ftypavif" + bytes(20), "an AVIF"),
        (b"\0\0\0\x20ftypheic" + bytes(20), "a HEIC"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "RIFF"),
        (b"PK\x03\x04" + bytes(26), "a ZIP"),
        (b"patient,label\n1,benign\n", "this is text"),
        ("Ausstrich, gef\u00e4rbt".encode(), "this is text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "this is text"),
        (bytes(range(256)), "no image format was recognised"),
    ],
)
def test_other_formats_are_named(data: bytes, found: str) -> None:
    error = refusal(data)
    assert error.code == smear_file.UNSUPPORTED
    assert found in str(error)
    assert "JPEG, PNG, BMP, TIFF or WebP" in str(error)


def header_only_png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n")
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    PngImagePlugin.putchunk(file, b"IHDR", head)
    PngImagePlugin.putchunk(file, b"IDAT", zlib.compress(bytes(1000)))
    PngImagePlugin.putchunk(file, b"IEND", b"")
    return file.getvalue()


def with_size(format: str, width: int, height: int) -> bytes:
    """A small file whose header claims another size."""
    if format == "PNG":
        return header_only_png(width, height)
    data = bytearray(encode("WEBP", lossless=True) if format == "WebP" else encode(format))
    if format == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif format == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif format == "WebP":
        data[21:25] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        ifd = int.from_bytes(data[4:8], "little")
        for tag, value in ((256, width), (257, height)):
            at = data.index(struct.pack("<H", tag), ifd)
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    return bytes(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "TIFF", "WebP"])
def test_too_large_by_the_header_alone(format: str) -> None:
    side = 16_000
    error = refusal(with_size(format, side, side))
    assert error.code == smear_file.TOO_LARGE
    assert "16000 x 16000" in str(error)
    assert "256 megapixels" in str(error)
    assert f"limit is {60 if format == 'WebP' else 150} megapixels" in str(error)


def test_the_limit_itself_is_not_refused_by_its_size() -> None:
    assert refusal(header_only_png(15_000, 10_000)).code != smear_file.TOO_LARGE
    assert refusal(header_only_png(15_001, 10_000)).code == smear_file.TOO_LARGE


def test_no_memory_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pixels, "squash", no_memory)
    assert refusal(FILES["PNG"]).code == smear_file.TOO_LARGE


def test_a_png_with_one_flipped_bit() -> None:
    data = bytearray(FILES["PNG"])
    data[len(data) // 2] ^= 4
    assert refusal(bytes(data)).code == smear_file.CORRUPT


@pytest.mark.parametrize("after_pixels", [False, True])
def test_a_png_text_that_unpacks_to_a_gigabyte(after_pixels: bool) -> None:
    info = PngImagePlugin.PngInfo()
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    info.add(b"zTXt", b"Comment\0\0" + bomb, after_idat=after_pixels)
    error = refusal(encode("PNG", pnginfo=info))
    assert error.code == smear_file.CORRUPT
    assert "too large" in str(error)


def test_a_png_colour_profile_that_unpacks_to_megabytes() -> None:
    assert refusal(encode("PNG", icc_profile=bytes(1 << 24))).code == smear_file.CORRUPT


def test_a_tiff_with_an_enormous_tile() -> None:
    data = encode("TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 60})
    ifd = int.from_bytes(data[4:8], "little")
    changed = bytearray(data)
    for old, new, value in ((273, 324, None), (279, 325, None), (278, 323, 1 << 30)):
        at = data.index(struct.pack("<H", old), ifd)
        changed[at : at + 2] = struct.pack("<H", new)
        if value:
            changed[at + 2 : at + 12] = struct.pack("<HII", 4, 1, value)
    at = data.index(struct.pack("<H", 277), ifd)
    changed[at : at + 12] = struct.pack("<HHII", 322, 4, 1, 1 << 30)
    assert refusal(bytes(changed)).code in (smear_file.TOO_LARGE, smear_file.CORRUPT)


def test_a_tiff_that_claims_a_billion_strips() -> None:
    data = bytearray(encode("TIFF"))
    at = data.index(struct.pack("<HH", 273, 4), int.from_bytes(data[4:8], "little"))
    data[at + 4 : at + 8] = struct.pack("<I", 1_000_000_000)
    error = refusal(bytes(data))
    assert error.code == smear_file.CORRUPT
    assert "1,000,000,000" in str(error)


def test_a_jpeg_with_thousands_of_scans() -> None:
    data = FILES["progressive JPEG"]
    first = data.index(b"\xff\xda")
    scan = data[first : data.index(b"\xff", first + 14)]
    error = refusal(data[:first] + scan * 5000 + data[first:])
    assert error.code == smear_file.CORRUPT
    assert "scans" in str(error)


def test_uncompressed_ycbcr_tiff_is_not_taken_for_rgb() -> None:
    data = encode("TIFF", LUMPS.convert("YCbCr"))
    apart = np.abs(pixels.rgb(data).astype(int) - pixels.rgb(encode("TIFF")))
    assert apart.mean() < 2


CODES = {
    smear_file.EMPTY,
    smear_file.UNSUPPORTED,
    smear_file.TRUNCATED,
    smear_file.CORRUPT,
    smear_file.TOO_LARGE,
}
FAST = settings(max_examples=150, deadline=None, derandomize=True)


def answered_or_refused(data: bytes) -> None:
    try:
        decoded = pixels.decode(data)
    except pixels.ImageError as error:
        code = error.code
    else:
        code = None
        assert decoded.pixels.shape == (224, 224, 3)
        assert decoded.pixels.dtype == np.uint8
        assert np.isfinite(decoded.quality).all()
    assert code is None or code in CODES


@FAST
@given(
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0+"]),
    rest=st.binary(max_size=200),
)
@example(start=b"RIFF\x20\0\0\0WEBPVP8X", rest=b"")
def test_arbitrary_bytes(start: bytes, rest: bytes) -> None:
    answered_or_refused(start + rest)


@FAST
@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 12),
            st.binary(max_size=12),
        ),
        min_size=1,
        max_size=6,
    ),
    head=st.booleans(),
)
def test_damaged_files(name: str, changes: list[tuple[float, int, bytes]], head: bool) -> None:
    """Bytes removed, inserted or overwritten anywhere, or among the first 200."""
    data = bytearray(FILES[name])
    for where, removed, inserted in changes:
        at = int(where * min(len(data), 200 if head else len(data)))
        data[at : at + removed] = inserted
    answered_or_refused(bytes(data))
