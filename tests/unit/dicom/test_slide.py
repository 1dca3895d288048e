"""Whole-slide images are cut into fields of the networks' scale."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("highdicom", reason="the extra pacs is not installed")

from PIL import Image
from pydicom import uid

from allclient.dicom import levels, slide, slide_child
from allclient.dicom.levels import nearest
from allclient.dicom.regions import Region
from allclient.dicom.slide import fields
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageReadError
from tests.unit.dicom.objects import as_file
from tests.unit.dicom.slides import level, mosaic


def write(tmp_path: Path, made: object) -> Path:
    path = tmp_path / "slide.dcm"
    path.write_bytes(as_file(made))  # type: ignore[arg-type]
    return path


def read(tmp_path: Path, made: object, most: int = 100) -> list[slide.SlideField]:
    """As the child process does it, in this process."""
    path = str(write(tmp_path, made))
    return [slide.SlideField(*pair) for pair in slide_child.read(path, most)]


def pixels(field: slide.SlideField) -> np.ndarray:
    with Image.open(io.BytesIO(field.data)) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize(
    ("syntax", "sparse", "tolerance"),
    [
        (uid.ExplicitVRLittleEndian, False, 0.0),
        (uid.ExplicitVRLittleEndian, True, 0.0),
        (uid.JPEGBaseline8Bit, False, 4.0),
    ],
)
def test_tiles_with_cells_are_fields_and_empty_glass_is_not(
    tmp_path: Path, syntax: str, sparse: bool, tolerance: float
) -> None:
    board = mosaic()
    found = read(tmp_path, level(board, um=0.5, syntax=syntax, sparse=sparse))
    assert sorted(field.region for field in found) == [
        Region(256 * column, 256 * row, 256, 256)
        for column in range(4)
        for row in range(3)
        if column % 2 == row % 2
    ]
    for field in found:
        left, top, width, height = field.region
        difference = np.abs(pixels(field) - board[top : top + height, left : left + width])
        assert difference.mean() <= tolerance


def test_the_first_fields_are_spread_and_the_same_each_time(tmp_path: Path) -> None:
    made = level(mosaic(), um=0.5)
    found = [field.region for field in read(tmp_path, made, 3)]
    assert len(found) == 3
    assert found == [field.region for field in read(tmp_path, made)][:3]
    assert found != sorted(found)


def test_fields_have_the_networks_scale_whatever_the_tiles() -> None:
    def sides(tile: int, um: float) -> set[tuple[int, int]]:
        places = slide_child.grid(8192, 8192, (tile, tile), levels.FIELD_UM / um)
        return {(place.width, place.height) for place in places}

    assert sides(256, 0.5) == {(256, 256)}
    assert sides(256, 0.25) == {(512, 512)}
    assert sides(512, 0.5) == {(256, 256)}
    assert max(sides(1024, 0.58)) == (205, 205)
    assert sides(240, 0.25) >= {(480, 480)}
    for tile in range(100, 2000, 37):
        for um in (0.12, 0.25, 0.5, 0.7, 1.0):
            (side, _) = max(sides(tile, um))
            assert 0.6 <= side * um / levels.FIELD_UM <= 1.7


def test_edges_with_half_a_field_are_fields() -> None:
    places = slide_child.grid(300, 400, (256, 256), 256)
    assert places == [(0, 0, 256, 256), (0, 256, 256, 144)]


def test_the_level_nearest_the_networks_scale_is_read() -> None:
    board = mosaic(1, 1)

    def chosen(*sizes: float | None) -> int | None:
        return nearest([um_per_pixel(level(board, um=um)) for um in sizes])

    assert chosen(0.25, 0.5, 1.0, 2.0) == 1
    assert chosen(2.0, 0.65, 0.16) == 1
    assert chosen(0.25, 1.0) == 0
    assert chosen(1.1, 4.0) == 0
    assert chosen(2.0, 4.0) is None
    assert chosen(None) is None
    assert chosen() is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"um": None}, "size of its pixels"),
        ({"ConcatenationUID": "1.2.3"}, "split over several"),
        ({"TotalPixelMatrixFocalPlanes": 3}, "several focal planes"),
        ({"SamplesPerPixel": 1}, "in colour"),
    ],
)
def test_what_would_not_come_out_right_is_refused(
    tmp_path: Path, values: dict[str, object], reason: str
) -> None:
    made = level(mosaic(1, 1), um=values.pop("um", 0.5))  # type: ignore[arg-type]
    for name, value in values.items():
        setattr(made, name, value)
    with pytest.raises(ImageReadError, match=reason):
        read(tmp_path, made)


@pytest.mark.parametrize("length", [0, 300_000])
def test_a_slide_that_is_cut_is_an_error(tmp_path: Path, length: int) -> None:
    path = tmp_path / "slide.dcm"
    path.write_bytes(as_file(level(mosaic(), um=0.5))[:length])
    with pytest.raises(ImageReadError):
        list(fields(path, 100))


def test_the_child_says_the_same_and_ends_when_nobody_listens(tmp_path: Path) -> None:
    made = level(mosaic(), um=0.5, syntax=uid.JPEGBaseline8Bit)
    opened = fields(write(tmp_path, made), 100)
    first = next(opened)
    opened.close()
    assert first == read(tmp_path, made)[0]
    assert list(fields(write(tmp_path, made), 2)) == read(tmp_path, made)[:2]
