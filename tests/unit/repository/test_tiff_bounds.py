"""TIFFs whose directories and texts were made to cost much, or to be read too kindly.

There are no timed assertions; without the bounds these tests take minutes or all memory, and end
by the limit that every test has.
"""

from __future__ import annotations

import logging
import lzma
import struct
import zlib

import imagecodecs
import numpy as np
import pixels
import pytest
import smear_error
import smear_tiff_bounds
import tifffile

from tests.kinds.kind import RGB, picture
from tests.kinds.tiff_writer import Tags, tiff

pytestmark = pytest.mark.timeout(120)

BAD = (smear_error.CORRUPT, smear_error.TRUNCATED)


def tags(more: Tags | None = None) -> Tags:
    """The tags of an uncompressed RGB picture in one strip."""
    height, width, _ = RGB.shape
    found: Tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8, 8, 8]), 259: (3, [1])}
    return found | {262: (3, [2]), 277: (3, [3]), 278: (4, [height])} | (more or {})


def rgb_tiff(more: Tags | None = None, big: bool = False) -> bytes:
    return tiff([(tags(more), [RGB.tobytes()])], big=big)


def code(data: bytes) -> str | None:
    """None where the picture is read, and then it has to be right."""
    try:
        pixels.field(data)
    except pixels.ImageError as error:
        return error.code
    np.testing.assert_array_equal(picture(data), RGB)
    return None


def with_entry(data: bytes, tag: int, kind: int, count: int, value: int) -> bytes:
    """The same little-endian file with another entry of this tag."""
    at = int.from_bytes(data[4:8], "little")
    place = data.index(struct.pack("<H", tag), at)
    return data[:place] + struct.pack("<HHII", tag, kind, count, value) + data[place + 12 :]


def with_entries(entries: list[bytes]) -> bytes:
    """The picture, with a new directory at the end that has more entries at its own end."""
    data = rgb_tiff()
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    table = data[at + 2 : at + 2 + 12 * count] + b"".join(entries)
    head = data[:4] + struct.pack("<I", len(data)) + data[8:]
    return head + struct.pack("<H", count + len(entries)) + table + bytes(4)


def test_the_plain_file_is_read() -> None:
    assert code(rgb_tiff()) is None
    assert code(with_entries([])) is None


# -- numbers that are not what they have to be ----------------------------------------------------


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 277, 278, 273, 279])
@pytest.mark.parametrize("kind", [0, 2, 5, 7, 12, 14, 99])
def test_a_tag_of_another_type_is_no_default(tag: int, kind: int) -> None:
    """tifffile leaves such a tag out, and takes 1 bit, no compression or one strip for granted."""
    assert code(with_entry(rgb_tiff(), tag, kind, 1, 8)) in BAD


@pytest.mark.parametrize("tag", [258, 273, 279, 324, 330, 339, 347, 34675])
@pytest.mark.parametrize("count", [200_000, 4_000_000_000])
def test_values_outside_the_file(tag: int, count: int) -> None:
    entry = struct.pack("<HHII", tag, 7 if tag in (347, 34675) else 4, count, 8)
    base = rgb_tiff()
    known = struct.pack("<H", tag) in base[int.from_bytes(base[4:8], "little") :]
    data = with_entry(base, tag, 4, count, 8) if known else with_entries([entry])
    assert code(data) in BAD


@pytest.mark.parametrize("tag", [256, 259, 262, 277])
def test_two_values_where_one_is_due(tag: int) -> None:
    assert code(with_entry(rgb_tiff(), tag, 3, 2, 0x00010001)) in BAD


def test_samples_in_no_known_order() -> None:
    assert code(rgb_tiff({284: (3, [3])})) == smear_error.CORRUPT


@pytest.mark.parametrize("short", [1, 3, 100])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_strip_or_tile_that_is_short(short: int, tiled: bool) -> None:
    """Also where it ends just where the picture inside the tile does."""
    more: Tags = {322: (4, [48]), 323: (4, [32])} if tiled else {}
    block = np.zeros((32, 48, 3), "u1") if tiled else RGB
    whole = tiff([(tags(more), [block.tobytes()])], tiled=tiled)
    cut = tiff([(tags(more), [block.tobytes()[:-short]])], tiled=tiled)
    fits = tiff([(tags(more), [RGB.tobytes()])], tiled=tiled)
    pixels.field(whole)
    assert code(cut + bytes(1000)) == smear_error.TRUNCATED
    assert code(fits) == (smear_error.TRUNCATED if tiled else None)


@pytest.mark.parametrize("compression", [8, 32773, 50000])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_strip_of_few_bits_that_holds_more_than_its_picture(
    compression: int, mirrored: bool
) -> None:
    encode = {8: zlib.compress, 32773: imagecodecs.packbits_encode, 50000: imagecodecs.zstd_encode}
    found: Tags = {256: (4, [32]), 257: (4, [32]), 258: (3, [4]), 259: (3, [compression])}
    found |= {262: (3, [1]), 277: (3, [1]), 278: (4, [32]), 266: (3, [1 + mirrored])}
    whole = np.random.default_rng(1).bytes(16 * 32)
    for rest, expected in ((b"", None), (b"more than that " * 10, smear_error.CORRUPT)):
        packed = bytes(encode[compression](whole + rest))
        packed = bytes(imagecodecs.bitorder_decode(packed)) if mirrored else packed
        try:
            pixels.field(tiff([(found, [packed])]))
            outcome = None
        except pixels.ImageError as error:
            outcome = error.code
        assert outcome == expected


@pytest.mark.parametrize("compression", [5, 8, 32773, 34925, 50000])
def test_mirrored_bits_of_packed_bytes(compression: int) -> None:
    encode = {
        5: imagecodecs.lzw_encode,
        8: zlib.compress,
        32773: imagecodecs.packbits_encode,
        34925: lzma.compress,
        50000: imagecodecs.zstd_encode,
    }[compression]
    packed = bytes(imagecodecs.bitorder_decode(bytes(encode(RGB.tobytes()))))
    assert code(tiff([(tags({259: (3, [compression]), 266: (3, [2])}), [packed])])) is None


def test_the_log_stays_silent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        code(with_entries([struct.pack("<HHII", 65000, 99, 7, 8)]))
    assert not caplog.records


# -- directories ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5_000, 65_535, 1 << 20, 1 << 40, (1 << 64) - 1])
@pytest.mark.parametrize("big", [False, True])
def test_a_million_tags(count: int, big: bool) -> None:
    data = bytearray(rgb_tiff(big=big) + bytes(21 << 20))
    at = int.from_bytes(data[8:16] if big else data[4:8], "little")
    struct.pack_into("<Q" if big else "<H", data, at, count if big else count & 0xFFFF or 9_999)
    assert code(bytes(data)) in BAD


@pytest.mark.parametrize("tag", [273, 279, 282, 330, 338, 33628, 50838])
def test_thousands_of_tags_over_the_same_megabytes(tag: int) -> None:
    entries = [struct.pack("<HHII", tag, 4, 900_000, 8)] * 4_000
    assert code(with_entries(entries) + bytes(4_000_000)) in BAD


def test_a_chain_of_directories_over_one_another() -> None:
    """Each claims thousands of entries, which are the directories behind it."""
    data = bytearray(with_entries([]))
    link = len(data) - 4
    count = 4_096
    struct.pack_into("<I", data, link, len(data))
    base, step, length = len(data), 12, 2 + 12 * count
    data += struct.pack("<H", count) * (step * 12_000 // 2) + bytes(length + 4)
    for at in range(12_000):
        place = base + step * at
        struct.pack_into("<I", data, place + length, base + step * (at + 1))
    found = pixels.field(bytes(data))
    assert 1 <= found.pages <= smear_tiff_bounds.MAX_PAGES


@pytest.mark.parametrize("far", [0, 7, 8, 1 << 31])
def test_subdirectories_that_lead_nowhere(far: int) -> None:
    assert code(with_entries([struct.pack("<HHII", 330, 4, 1, far)])) is None


def test_subdirectories_without_end() -> None:
    """One points to itself, and there are many."""
    data = rgb_tiff({330: (4, [8] * 100_000)})
    at = int.from_bytes(data[4:8], "little")
    assert code(rgb_tiff({330: (4, [at] * 100_000)})) is None


@pytest.mark.parametrize(
    ("software", "count"),
    [(b"SI.2016\0", 6), (b"IndicaLabsImageWriter\0", 6), (b"Philips DP\0", 1)],
)
def test_programs_whose_files_have_ways_of_their_own(software: bytes, count: int) -> None:
    pages = [(tags({305: (2, software)}), [RGB.tobytes()])] * 6
    data = tiff(pages) + bytes(20_000_000)
    assert pixels.field(data).pages == count
    assert code(data) is None


@pytest.mark.parametrize("tag", [34412, 34118, 65420, 65426, 65432, 34361, 43314, 50288, 33560])
@pytest.mark.parametrize("count", [1, 300, 900_000])
def test_tags_of_microscopes(tag: int, count: int) -> None:
    """Lists that mean nothing are not looked at, or refused."""
    junk = np.random.default_rng(tag).bytes(4_000_000)
    entry = struct.pack("<HHII", tag, 4, count, 8)
    data = with_entries([entry, struct.pack("<HHII", 271, 2, 4, 0x41414141)]) + junk
    assert code(data) in (None, *BAD)


def test_tables_of_metamorph_over_one_another() -> None:
    data = with_entries(
        [struct.pack("<HHII", 33628, 4, 256, 8), struct.pack("<HHII", 33629, 5, 10_000, 8)]
    )
    names = struct.pack("<II", 19, 8) * 200_000
    assert pixels.field(data + names).pages == 10_000


@pytest.mark.parametrize("kind", [4, 9])
def test_texts_of_imagej_that_go_back_and_forth(kind: int) -> None:
    counts = struct.pack("<Ii", 804, 10_000_000) + struct.pack("<ii", -10_000_000, 10_000_000) * 9
    head = b"JIJI" + b"ofni" + struct.pack("<I", 1 << 30)
    data = rgb_tiff()
    at = len(data)
    entry = struct.pack("<HHII", 50838, kind, 20, at), struct.pack("<HHII", 50839, 1, 12 << 20, at)
    made = with_entries(list(entry))
    assert code(made + counts + head + bytes(16 << 20)) in (None, *BAD)


def test_large_drawings_of_imagej_are_no_damage() -> None:
    base = with_entries([bytes(12)] * 2)
    counts, drawing = struct.pack("<II", 12, 20_000_000), b"JIJIrevo" + struct.pack("<I", 1)
    entries = [
        struct.pack("<HHII", 50838, 4, 2, len(base)),
        struct.pack("<HHII", 50839, 1, 20_000_012, len(base) + 8),
    ]
    assert code(with_entries(entries) + counts + drawing + bytes(20_000_000)) is None


# -- texts ----------------------------------------------------------------------------------------


def described(text: bytes) -> bytes:
    return rgb_tiff({270: (2, text + b"\0")})


PIXELS = b'<Pixels DimensionOrder="XYCZT" SizeX="44" SizeY="31" SizeC="3" SizeZ="%d" SizeT="1">'
LAUGHS = b'<!DOCTYPE l [<!ENTITY a "haha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(20)
)


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        (b"<OME>" + PIXELS % 1 + b'<TiffData PlaneCount="2000000000"/></Pixels></OME>', 3),
        (b"<OME>" + PIXELS % 1 + b'<TiffData FirstZ="999999999"/></Pixels></OME>', 3),
        (LAUGHS + b"]><OME>" + PIXELS % 1 + b"&u;</Pixels></OME>", 3),
        (b"<OME>" + b"<a>" * 1_000_000 + b"</a>" * 1_000_000 + b"</OME>", 1),
        (b"<OME>" + b"<a/>" * 100_000 + PIXELS % 2 + b"</Pixels></OME>", 6),
        (b"<OME>" + PIXELS % 2 + b"<a/>" * 3_000_000 + b"</Pixels></OME>", 6),
        (b"<OME>" + b"<Pixels/>" * 1_000_000 + b"</OME>", 10_000),
        (b'<?xml version="1.0" encoding="UTF-16"?><OME>' + PIXELS % 1 + b"</Pixels></OME>", 3),
        (b"<OME>" + PIXELS % 1 + b'<Channel Name="a&#0;"/></OME>', 3),
        (b'{"shape": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", 1),
        (b'{"shape": [' + b"9" * 100_000 + b"]}", 1),
        (b'{"shape": [99999999999999999999, 31, 44, 3]}', 999_999_999),
        (b'{"shape": {"a": 1}}', 1),
        (b"shape=(5, 31, 44, 3)", 5),
        (b"ImageJ=1\nimages=" + b"9" * 4_000, 999_999_999),
        (b"ImageJ=1\nimages=inf", 1),
        (b"ImageJ=1\nimages=-5", 1),
        (b"ImageJ=1\n" + b"a=1\n" * 1_000_000 + b"images=4\n", 1),
        (b"ImageJ=1\nimages=4\n" + b"a=1\n" * 1_000_000, 4),
    ],
    ids=lambda value: str(value)[:40],
)
def test_texts(text: bytes, pages: int) -> None:
    data = described(text)
    assert pixels.field(data).pages == pages
    assert code(data) is None


def test_a_text_that_no_tiff_has() -> None:
    assert code(described(b"<OME>" + b" " * 20_000_000)) == smear_error.CORRUPT


def test_no_other_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """OME names the files of a series; a sender could name any."""
    opened: list[object] = []
    keep = tifffile.FileHandle.__init__

    def watched(self: tifffile.FileHandle, file: object, *more: object, **named: object) -> None:
        opened.append(file)
        keep(self, file, *more, **named)

    monkeypatch.setattr(tifffile.FileHandle, "__init__", watched)
    inner = b'<TiffData IFD="0"><UUID FileName="/etc/passwd">urn:uuid:1</UUID></TiffData></Pixels>'
    assert code(described(b"<OME>" + PIXELS % 1 + inner + b"</OME>")) is None
    assert opened
    assert not any(isinstance(one, str) for one in opened)
