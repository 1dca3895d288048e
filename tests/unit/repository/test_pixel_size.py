"""The size of a pixel: by the request, or by a TIFF, if a microscope can have it."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pixels
import pytest
import smear_scale
import tifffile
from PIL import Image

from samples import render

FIELD = np.asarray(next(iter(render.images(count=1, seed=3))).image.convert("RGB"))


def tiff(**options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, FIELD, photometric="rgb", **options)
    return file.getvalue()


def size(data: bytes) -> float:
    return pixels.decode(data).um_per_pixel


def ome(**metadata: Any) -> bytes:
    return tiff(ome=True, metadata={"axes": "YXS", **metadata})


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}, 0.25),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.252}, 0.25),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.26}, 0),
        ({"PhysicalSizeX": 0.25}, 0),
        ({"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.25}, 0.25),
        ({"PhysicalSizeX": 352.8, "PhysicalSizeY": 352.8}, 0),  # 72 dots per inch
        ({"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 1}, 0),
        ({"PhysicalSizeX": "-0.25", "PhysicalSizeY": "-0.25"}, 0),
        ({"PhysicalSizeX": "nan", "PhysicalSizeY": "nan"}, 0),
        ({}, 0),
    ],
)
def test_ome(metadata: dict[str, Any], expected: float) -> None:
    assert size(ome(**metadata)) == expected


def test_ome_goes_before_the_resolution() -> None:
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    options: dict[str, Any] = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    assert size(tiff(ome=True, metadata=metadata, **options)) == 0.25
    assert size(tiff(ome=True, metadata={"axes": "YXS"}, **options)) == 0.5


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [
        ("micron", 4, 0.25),
        ("um", 4, 0.25),
        ("\\u00B5m", 4, 0.25),  # as ImageJ escapes it
        ("nm", 0.004, 0.25),
        ("cm", 40_000, 0.25),
        ("inch", 72, 0),
        ("pixel", 1, 0),
        ("micron", 0.01, 0),
    ],
)
def test_imagej(unit: str, per_unit: float, expected: float) -> None:
    data = tiff(imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit})
    assert size(data) == pytest.approx(expected, rel=1e-6)


def test_imagej_without_a_unit() -> None:
    assert size(tiff(imagej=True, resolution=(4, 4))) == 0


@pytest.mark.parametrize("dots", [72, 96, 150, 300, 600, 1200, 4800])
def test_the_resolution_of_screens_printers_and_scanners_is_none(dots: int) -> None:
    assert size(tiff(resolution=(dots, dots), resolutionunit="INCH")) == 0


@pytest.mark.parametrize(
    ("unit", "across", "down", "expected"),
    [
        ("CENTIMETER", 40_000, 40_000, 0.25),
        ("CENTIMETER", 40_000, 40_100, 0.25),
        ("CENTIMETER", 40_000, 42_000, 0),
        ("CENTIMETER", 40_000, 0, 0),
        ("INCH", 101_600, 101_600, 0.25),
        ("NONE", 40_000, 40_000, 0),
        ("CENTIMETER", 5_000, 5_000, 2),
        ("CENTIMETER", 4_900, 4_900, 0),
        ("CENTIMETER", 500_000, 500_000, 0.02),
        ("CENTIMETER", 510_000, 510_000, 0),
    ],
)
def test_resolution(unit: Any, across: int, down: int, expected: float) -> None:
    data = tiff(resolution=((across, 1), (down, 1)), resolutionunit=unit)
    assert size(data) == expected


def test_resolution_that_makes_no_sense_costs_no_picture() -> None:
    data = tiff(resolution=((40_000, 1), (40_000, 1)), resolutionunit="CENTIMETER")
    whole = pixels.decode(data)
    assert whole.um_per_pixel == 0.25
    entry = struct.pack("<HHI", 282, 5, 1)
    assert data.count(entry) == 1
    for kind, count in ((4, 1), (5, 2), (5, 0), (2, 8), (99, 1)):
        odd = pixels.decode(data.replace(entry, struct.pack("<HHI", 282, kind, count)))
        assert odd.um_per_pixel == 0
        np.testing.assert_array_equal(odd.pixels, whole.pixels)
    out_of_file = bytearray(data)
    struct.pack_into("<I", out_of_file, data.index(entry) + 8, len(data) + 100)
    assert size(bytes(out_of_file)) == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_other_formats_say_nothing(kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(FIELD).save(file, kind, dpi=(300, 300))
    assert size(file.getvalue()) == 0


@pytest.mark.parametrize("given", ["0.25", "2.5e-1", 0.25, " 0.25"])
def test_a_request(given: Any) -> None:
    assert smear_scale.of_request({"um_per_pixel": given, "other": "x"}) == 0.25


def test_a_request_that_says_nothing() -> None:
    assert smear_scale.of_request({}) is None
    assert smear_scale.of_request({"um_per_pixel": 1}) == 1


@pytest.mark.parametrize(
    "given", ["", "small", "0", "-1", "nan", "inf", "1e-60", "1e60", 0, True, 10**400, [1]]
)
def test_a_request_that_makes_no_sense(given: Any) -> None:
    with pytest.raises(ValueError, match="um_per_pixel is the size of a pixel in micrometres"):
        smear_scale.of_request({"um_per_pixel": given})
