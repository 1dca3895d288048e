"""Stacks, colours in channels, whole slides, camera files, and what else a TIFF can be."""

from __future__ import annotations

import io
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pixels
import pytest
import smear_error
import smear_tiff
import smear_tiff_codecs
import smear_tiff_layout
import tifffile
from PIL import Image

from tests.kinds.kind import GREY, RGB, THREE, picture
from tests.kinds.tiff_writer import Tags, tiff


def written(data: np.ndarray, **options: Any) -> bytes:
    """A file as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, data, **options)
    return file.getvalue()


def tags(**more: Any) -> Tags:
    """Return the tags of an uncompressed RGB picture in one strip.

    ``t270=...`` adds or replaces a tag.
    """
    height, width, _ = RGB.shape
    found: Tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8, 8, 8]), 259: (3, [1])}
    found |= {262: (3, [2]), 277: (3, [3]), 278: (4, [height])}
    return found | {int(name[1:]): value for name, value in more.items()}


def rgb_tiff(**more: Any) -> bytes:
    return tiff([(tags(**more), [RGB.tobytes()])])


def error(data: bytes) -> pixels.ImageError:
    with pytest.raises(pixels.ImageError) as refused:
        pixels.decode(data)
    return refused.value


# -- what tifffile writes -------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"planarconfig": "separate"}])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_colours(compression: str | None, options: dict[str, Any], bits: int, order: str) -> None:
    data = RGB if bits == 8 else RGB.astype("u2") * 257
    if "planarconfig" in options:
        data = np.moveaxis(data, -1, 0)
    file = written(
        np.ascontiguousarray(data),
        photometric="rgb",
        compression=compression,
        predictor=compression in ("lzw", "zlib"),
        byteorder=order,
        bigtiff=order == ">",
        **options,
    )
    np.testing.assert_array_equal(picture(file), RGB)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_inside(subsampling: tuple[int, int]) -> None:
    large = np.kron(RGB, np.ones((4, 4, 1), "u1"))
    file = written(
        large,
        photometric="rgb",
        compression="jpeg",
        compressionargs={"level": 95},
        subsampling=subsampling,
        rowsperstrip=64,
    )
    assert np.abs(picture(file, band=1000).astype(int) - large).mean() < 3


def test_a_palette_of_8_bit_colours() -> None:
    """As some programs write it, against the letter of the standard."""
    table = np.arange(768) % 256
    file = written(GREY, photometric="palette", colormap=table.reshape(3, 256).astype("u2"))
    np.testing.assert_array_equal(picture(file), table.reshape(3, 256).T[GREY])


@pytest.mark.parametrize(("across", "down"), [(2, 1), (2, 2), (4, 2), (1, 1)])
def test_subsampled_ycbcr_without_jpeg(across: int, down: int) -> None:
    height, width = 32, 48
    flat = np.zeros((height, width, 3))
    flat[:, :24], flat[:, 24:] = (200, 90, 150), (60, 130, 100)  # Y, Cb, Cr
    luma = flat[..., 0].reshape(height // down, down, width // across, across)
    chroma = flat[::down, ::across, 1:]
    units = [luma.transpose(0, 2, 1, 3).reshape(height // down, width // across, -1), chroma]
    block = np.concatenate(units, axis=2).astype("u1").tobytes()
    size = {"t256": (4, [width]), "t257": (4, [height]), "t278": (4, [height])}
    found = tags(**size, t262=(3, [6]), t530=(3, [across, down]))
    y, cb, cr = flat[..., 0], flat[..., 1] - 128, flat[..., 2] - 128
    expected = np.stack(
        [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1
    )
    apart = np.abs(picture(tiff([(found, [block])])) - np.clip(expected, 0, 255))
    assert apart.max() <= 1


def test_ycbcr_inside_jpeg_2000() -> None:
    """As Aperio's scanners write it."""
    ycbcr = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    block = imagecodecs.jpeg2k_encode(ycbcr, level=0, codecformat="j2k", mct=False)
    found = picture(tiff([(tags(t259=(3, [33003])), [block])]))
    assert np.abs(found.astype(int) - RGB).mean() < 1.5


@pytest.mark.parametrize("code", [*smear_tiff_codecs.NAMES, 0, 9, 65535])
def test_other_compressions_are_named(code: int) -> None:
    found = error(rgb_tiff(t259=(3, [code])))
    assert found.code == smear_error.UNSUPPORTED
    assert smear_tiff_codecs.NAMES.get(code, f"(number {code})") in str(found)


def test_mirrored_bits() -> None:
    data = imagecodecs.bitorder_decode(RGB.tobytes())
    np.testing.assert_array_equal(picture(tiff([(tags(t266=(3, [2])), [data])])), RGB)


def test_reading_leaves_the_bytes_of_the_file_alone() -> None:
    """Undoing a predictor in place would change the file under the one who sent it."""
    coded = imagecodecs.delta_encode(RGB, axis=1).tobytes()
    file = tiff([(tags(t317=(3, [2])), [coded])])
    before = bytes(bytearray(file))
    for _ in range(2):
        np.testing.assert_array_equal(picture(file), RGB)
    assert file == before


def test_strips_without_their_lengths() -> None:
    """The oldest writers leave them out."""
    file = bytearray(rgb_tiff())
    at = file.index(b"\x17\x01\x04\0", len(file) - 140)
    file[at : at + 2] = (
        b"\x16\x01"  # a second RowsPerStrip, which says the same or is not looked at
    )
    np.testing.assert_array_equal(picture(bytes(file)), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    """Bytes and tag say the same picture."""
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    }
    square = np.kron(RGB[:28, :28], np.ones((8, 8, 1), "u1"))
    stored = np.ascontiguousarray(turns[orientation](square))
    file = written(stored, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    seen = pixels.rgb(file)
    np.testing.assert_array_equal(seen[:188, :188], square[:188, :188])


# -- ranges ---------------------------------------------------------------------------------------


def test_a_tag_of_the_content_is_no_range() -> None:
    """3871 is the brightest pixel, and 4095 the range of the type."""
    deep = np.rint(GREY.astype(float) / 255 * 4095).astype("u2")
    said = written(deep, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert np.abs(picture(said).astype(int) - THREE).max() <= 1
    content = written(deep, photometric="minisblack", extratags=[(281, "H", 1, 3871, True)])
    assert picture(content).max() <= 16


def test_the_contrast_of_imagej_is_no_range() -> None:
    deep = GREY.astype("u2") * 16
    file = written(deep, imagej=True, metadata={"min": 0.0, "max": 4095.0})
    assert picture(file).max() <= 16


def test_significant_bits_of_ome() -> None:
    deep = np.rint(GREY.astype(float) / 255 * 16383).astype("u2")
    file = written(deep, ome=True, metadata={"axes": "YX", "SignificantBits": 14})
    assert np.abs(picture(file).astype(int) - THREE).max() <= 1


def test_samples_beyond_the_range_that_is_stated() -> None:
    file = written(GREY.astype("u2") * 257, extratags=[(281, "H", 1, 4095, True)])
    assert error(file).code == smear_error.CORRUPT


# -- pages ----------------------------------------------------------------------------------------

STACK = np.stack([GREY, GREY[::-1], 255 - GREY])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"truncate": True},
        {"imagej": True},
        {"imagej": True, "metadata": {"axes": "CYX", "mode": "composite"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "CYX"}},
        {"ome": True, "metadata": {"axes": "CYX", "Channel": {"Name": ["DAPI", "FITC", "Cy3"]}}},
        {"bigtiff": True, "byteorder": ">"},
    ],
)
def test_a_stack_is_counted_and_its_first_picture_read(options: dict[str, Any]) -> None:
    file = written(STACK, photometric="minisblack", **options)
    assert pixels.decode(file).quality[0] == 3
    np.testing.assert_array_equal(picture(file), THREE)


@pytest.mark.parametrize(
    "text",
    [b"ImageJ=1.54f\nimages=3\nslices=3\n\0", b'{"shape": [3, 31, 44, 3], "truncated": true}\0'],
)
def test_a_stack_behind_one_directory(text: bytes) -> None:
    assert pixels.decode(rgb_tiff(t270=(2, text)) + bytes(3000)).quality[0] == 3


def test_planes_of_metamorph() -> None:
    assert pixels.decode(rgb_tiff(t33629=(5, [1, 1] * 4))).quality[0] == 4


@pytest.mark.parametrize(
    "text", [b"ImageJ=1.54f\nimages=x\n\0", b'{"shape": [\0', b'{"shape": []}\0']
)
def test_an_odd_description_counts_nothing(text: bytes) -> None:
    assert pixels.decode(rgb_tiff(t270=(2, text))).quality[0] == 1


CODES = {"red": -16776961, "green": 16711935, "blue": 65535}


@pytest.mark.parametrize("names", [["red", "green", "blue"], ["Blue", "Red", "Green"]])
@pytest.mark.parametrize("by", ["Name", "Color"])
@pytest.mark.parametrize("bits", [8, 16])
def test_an_ome_tiff_of_three_colours_is_one_picture(names: list[str], by: str, bits: int) -> None:
    planes = [RGB[..., ["red", "green", "blue"].index(name.lower())] for name in names]
    data = np.stack(planes)
    values = names if by == "Name" else [CODES[name.lower()] for name in names]
    file = written(
        data if bits == 8 else data.astype("u2") * 257,
        ome=True,
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {by: values}},
    )
    assert pixels.decode(file).quality[0] == 1
    np.testing.assert_array_equal(picture(file), RGB)


def test_dyes_that_are_shown_in_red_green_and_blue_are_three_pictures() -> None:
    channels = {"Name": ["Cy3", "FITC", "DAPI"], "Color": list(CODES.values())}
    file = written(STACK, ome=True, metadata={"axes": "CYX", "Channel": channels})
    assert pixels.decode(file).quality[0] == 3


def test_several_pictures_of_three_colours() -> None:
    data = np.stack([np.moveaxis(RGB, -1, 0)] * 2)
    channels = {"Name": list(CODES)}
    file = written(
        data, ome=True, photometric="minisblack", metadata={"axes": "ZCYX", "Channel": channels}
    )
    assert pixels.decode(file).quality[0] == 2
    np.testing.assert_array_equal(picture(file), RGB)


def test_colours_that_lie_together_are_one_picture_for_ome() -> None:
    file = written(RGB, ome=True, photometric="rgb")
    assert pixels.decode(file).quality[0] == 1


def test_levels_of_a_pyramid_are_no_pages() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        writer.write(
            np.kron(RGB, np.ones((4, 4, 1), "u1")), tile=(16, 16), subifds=1, photometric="rgb"
        )
        writer.write(RGB, tile=(16, 16), subfiletype=1, photometric="rgb")
    assert pixels.decode(file.getvalue()).quality[0] == 1


def test_a_thumbnail_before_the_picture_is_passed_over() -> None:
    small = np.ascontiguousarray(RGB[::4, ::4])
    sizes = {"t256": (4, [small.shape[1]]), "t257": (4, [small.shape[0]]), "t278": (4, [99])}
    pages = [(tags(t254=(4, [1]), **sizes), [small.tobytes()]), (tags(), [RGB.tobytes()])]
    assert pixels.decode(tiff(pages)).quality[0] == 1
    np.testing.assert_array_equal(picture(tiff(pages)), RGB)


# -- what is not one plain picture ----------------------------------------------------------------


def test_camera_files() -> None:
    inner = tags(t262=(3, [32803]), t258=(3, [8]), t277=(3, [1]))
    raw = tiff([(inner, [GREY.tobytes()])])
    at = int.from_bytes(raw[4:8], "little")
    base = len(rgb_tiff(t254=(4, [1]), t330=(4, [0])))
    moved = raw[:4] + (at + base).to_bytes(4, "little") + raw[8:]
    nef = rgb_tiff(t254=(4, [1]), t330=(4, [at + base])) + moved
    cr2 = bytearray(rgb_tiff())
    cr2[8:10] = b"CR"
    for data in (raw, nef, rgb_tiff(t50706=(1, [1, 4, 0, 0])), bytes(cr2)):
        found = error(data)
        assert found.code == smear_error.UNSUPPORTED
        assert "a raw camera file" in str(found)
        assert "export it as TIFF or PNG" in str(found)
    for start in (b"IIRO\x08\0\0\0", b"IIU\0\x08\0\0\0", b"FUJIFILMCCD-RAW 0201"):
        assert "a raw camera file" in str(error(start + bytes(100)))


@pytest.mark.parametrize(
    "more",
    [
        {"t270": (2, b"Aperio Image Library v12.0.15\0")},
        {"t65420": (3, [1])},
        {"t330": (4, [8])},
    ],
)
def test_whole_slides_say_what_they_are(more: dict[str, Any]) -> None:
    huge = {"t256": (4, [90_000]), "t257": (4, [80_000]), "t322": (4, [256]), "t323": (4, [256])}
    found = error(rgb_tiff(**huge, t324=(4, [8]), t325=(4, [99]), **more))
    assert found.code == smear_error.TOO_LARGE
    assert "a whole-slide image" in str(found)
    assert "export a field of view" in str(found)


@pytest.mark.parametrize(
    "more",
    [
        {"t270": (2, b'<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">\0')},
        {"t700": (1, b"<?xml version='1.0'?><Metadata><iScan Magnification='40'/></Metadata>")},
    ],
)
def test_slides_that_start_with_a_photograph_of_the_label(more: dict[str, Any]) -> None:
    found = error(rgb_tiff(**more))
    assert found.code == smear_error.UNSUPPORTED
    assert "a whole-slide image" in str(found)


# -- hostile files --------------------------------------------------------------------------------


def test_strips_that_lie_over_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes that stand for terabytes of packed data."""
    monkeypatch.setattr(smear_tiff_layout, "_CODED", 1000)
    block = imagecodecs.lzw_encode(RGB[:1].tobytes())
    count = len(RGB)
    blocks = [block + bytes(len(block) * 50)]
    found = tags(
        t259=(3, [5]), t278=(4, [1]), t273=(4, [8] * count), t279=(4, [len(blocks[0])] * count)
    )
    assert error(tiff([(found, blocks)])).code == smear_error.CORRUPT


def test_a_directory_of_more_entries_than_any_has() -> None:
    file = bytearray(rgb_tiff() + bytes(200_000))
    at = int.from_bytes(file[4:8], "little")
    file[at : at + 2] = (9000).to_bytes(2, "little")
    assert error(bytes(file)).code == smear_error.CORRUPT


def test_a_long_chain_of_directories() -> None:
    pages = [(tags(), [RGB.tobytes()])] + [({256: (4, [1])}, [])] * 12_000
    assert pixels.decode(tiff(pages)).quality[0] == 10_000


def test_text_that_looks_like_ome_for_ever() -> None:
    text = b"<OME><Pixels" + b"<Pixels " * 100_000 + b"a" * 100_000 + b"\0"
    assert pixels.decode(rgb_tiff(t270=(2, text))).quality[0] == 1


def test_a_deflated_strip_that_unpacks_to_a_gigabyte() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    assert error(tiff([(tags(t259=(3, [8])), [bomb])])).code == smear_error.CORRUPT


def test_no_more_than_one_strip_of_a_large_picture_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    part = smear_tiff._part

    def counted(*arguments: Any) -> Any:
        found = part(*arguments)
        held.append(found.size)
        return found

    monkeypatch.setattr(smear_tiff, "_part", counted)
    large = np.kron(RGB, np.ones((30, 30, 1), "u1"))
    file = written(large, photometric="rgb", compression="zlib", rowsperstrip=16)
    page = smear_tiff.read(file)
    bands = page.image.bands(32)
    next(bands)
    assert len(held) <= 3
    assert max(held) <= 16 * large.shape[1] * 3
