"""Fields read again, drawn on, and turned as their files say."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geojson as rfc7946
import numpy as np
import pytest
import shapely.geometry
from PIL import Image, ImageOps

from allclient.cell import Cell
from allclient.contract import ReviewReason, Subtype
from allclient.errors import ConfigurationError, ImageReadError
from allclient.report import Entry, entry_of
from allclient.result import Outcome
from allclient.view import heat, require
from allclient.view.annotate import annotated
from allclient.view.geojson import geojson
from allclient.view.names import name_for, open_folder
from allclient.view.picture import load, size_of
from allclient.view.style import REASONS, STYLES, reason_words
from tests.unit.client.test_report import BENIGN_CELL, MALIGNANT_CELL, RESULT

BOX = replace(MALIGNANT_CELL, x=0.25, y=0.5, width=0.25, height=0.125)


def entry(path: Path, *cells: Cell, um_per_pixel: float | None = None) -> Entry:
    heatmap = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    result = replace(RESULT, cells=cells, heatmap=heatmap, um_per_pixel=um_per_pixel)
    return entry_of(Outcome(str(path), result))


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    return save(tmp_path / "grey.png", Image.new("RGB", (400, 300), (200, 200, 200)))


def test_every_reason_and_subtype_has_its_words() -> None:
    assert set(REASONS) == set(ReviewReason)
    assert set(STYLES) == set(Subtype)
    for part in ("letter", "colour", "dash", "words"):
        assert len({getattr(style, part) for style in STYLES.values()}) == len(Subtype)
    assert reason_words("low_confidence") == "The backbones are not sure."
    assert reason_words("of_a_newer_server") == "of a newer server."


def luminance(colour: tuple[int, ...]) -> float:
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("subtype", Subtype)
def test_letters_can_be_read(subtype: Subtype) -> None:
    style = STYLES[subtype]
    dark, light = sorted((luminance(style.colour), luminance(style.ink)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


MODES = {
    "L": (128, (128,) * 3),
    "RGBA": ((255, 0, 0, 0), (255,) * 3),
    "P": (7, None),
    "CMYK": ((0, 0, 0, 0), (255,) * 3),
    "I;16": (65535, (255,) * 3),
    "1": (1, (255,) * 3),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_shown(tmp_path: Path, mode: str) -> None:
    value, expected = MODES[mode]
    path = save(tmp_path / "field.tif", Image.new(mode, (30, 20), value))  # type: ignore[arg-type]
    shown = load(str(path), 100)
    assert (shown.image.mode, shown.image.size) == ("RGB", (30, 20))
    if expected is not None:
        assert shown.image.getpixel((0, 0)) == expected


def test_a_large_field_is_shown_small_and_knows_its_size(tmp_path: Path) -> None:
    path = save(tmp_path / "field.jpg", Image.new("RGB", (3000, 1500)))
    shown = load(str(path), 300)
    assert (shown.image.size, shown.width, shown.height) == ((300, 150), 3000, 1500)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "0 bytes"), (b"no image", "cannot be shown here")],
)
def test_a_file_that_cannot_be_shown(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "field.png"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: load(str(path), 100), lambda: size_of(str(path))):
        with pytest.raises(ImageReadError, match=message):
            read()


def test_a_torn_file_cannot_be_shown(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    path = save(tmp_path / "field.png", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ImageReadError, match="cannot be shown here"):
        load(str(path), 100)


def turned() -> Iterator[tuple[int, Image.Image, Image.Image]]:
    """Each orientation: the upright picture with a dark box, and the one that a file stores."""
    upright = np.full((80, 160, 3), 255, np.uint8)
    left, top, right, bottom = BOX.box(160, 80)
    upright[top:bottom, left:right] = 0
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        shape = (160, 80) if orientation >= 5 else (80, 160)
        for back in range(1, 9):  # find the way that EXIF turns back
            exif_back = Image.Exif()
            exif_back[274] = back
            image = Image.fromarray(upright)
            image.getexif()[274] = back
            stored = ImageOps.exif_transpose(image)
            stored.getexif()[274] = orientation
            again = ImageOps.exif_transpose(stored)
            if stored.size[::-1] == shape and np.array_equal(np.asarray(again), upright):
                yield orientation, Image.fromarray(upright), stored
                break


def test_boxes_for_qupath_lie_on_the_stored_picture(tmp_path: Path) -> None:
    seen = set()
    for orientation, _, stored in turned():
        seen.add(orientation)
        exif = Image.Exif()
        exif[274] = orientation
        path = save(tmp_path / f"{orientation}.png", stored, exif=exif)
        (feature,) = json.loads(geojson(entry(path, BOX)))["features"]
        ring = np.array(feature["geometry"]["coordinates"][0])
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.exterior.is_ccw, "as RFC 7946 wants it"
        rows, columns = np.nonzero(np.asarray(Image.open(path)).min(axis=-1) == 0)
        assert ring.min(axis=0).tolist() == [columns.min(), rows.min()], orientation
        assert ring.max(axis=0).tolist() == [columns.max() + 1, rows.max() + 1], orientation
        assert (load(str(path), 999).width, load(str(path), 999).height) == (160, 80)
    assert seen == set(range(1, 9))


def test_features_are_what_qupath_reads(grey: Path) -> None:
    """As QuPathTypeAdapters and GsonTools of QuPath 0.4 and later read them.

    An id is a UUID, a classification has a name and a colour of three numbers, and measurements
    are numbers by their names. What is not known there becomes an annotation without a class.
    """
    collection = json.loads(geojson(entry(grey, BOX, BENIGN_CELL)))
    assert rfc7946.loads(json.dumps(collection)).is_valid
    assert set(collection) == {"type", "features"}
    first, second = collection["features"]
    assert first["type"] == "Feature"
    assert uuid.UUID(first["id"]) != uuid.UUID(second["id"])
    assert first["geometry"]["type"] == "Polygon"
    properties = first["properties"]
    assert properties["objectType"] == "detection"
    assert properties["classification"] == {"name": "pre_b", "color": [213, 94, 0]}
    assert properties["measurements"]["probability pre_b"] == 0.8
    assert all(isinstance(value, float) for value in properties["measurements"].values())
    assert json.loads(geojson(entry(grey, BOX, BENIGN_CELL))) == collection  # ids stay
    assert json.loads(geojson(entry(grey)))["features"] == []


def colours(data: bytes) -> set[tuple[int, ...]]:
    """The colours of a JPEG, roughly."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int).reshape(-1, 3)
    return {tuple(row) for row in np.unique((pixels + 16) // 32, axis=0)}


def near(colour: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((part + 16) // 32 for part in colour)


def test_an_annotated_field_has_its_boxes_where_they_are(grey: Path) -> None:
    plain = np.asarray(Image.open(io.BytesIO(annotated(entry(grey)))), int)
    drawn = np.asarray(Image.open(io.BytesIO(annotated(entry(grey, BOX)))), int)
    assert plain.shape == drawn.shape
    rows, columns = np.nonzero(abs(plain - drawn).max(axis=-1)[92:-92] > 60)
    left, top, right, bottom = BOX.box(800, 600)  # a small field is shown at twice its size
    assert abs(columns.min() - 16 - left) <= 3
    assert abs(columns.max() - 16 - right) <= 3
    assert abs(rows.max() - bottom) <= 3
    assert top - 30 <= rows.min() < top  # the letter stands above
    assert near(STYLES[Subtype.PRE_B].colour) in colours(annotated(entry(grey, BOX)))


def test_the_bar_is_as_long_as_it_says(grey: Path) -> None:
    """0.5 um a pixel and twice the size: 50 um are 200 pixels, a quarter of the width."""
    plain = np.asarray(Image.open(io.BytesIO(annotated(entry(grey)))), int)
    drawn = np.asarray(Image.open(io.BytesIO(annotated(entry(grey, um_per_pixel=0.5)))), int)
    dark = (drawn.max(axis=-1) < 60) & (plain.min(axis=-1) > 150)
    row = dark[92 + 600 - 16, : 16 + 800]
    assert abs(int(row.sum()) - 200) <= 4


@pytest.mark.parametrize("size", [(1, 1), (5, 3000), (3000, 5), (40, 40)])
def test_fields_of_any_shape_are_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save(tmp_path / "field.png", Image.new("RGB", size))
    cells = (BOX, replace(BOX, x=0.0, y=0.0, width=1.0, height=1.0), BENIGN_CELL)
    data = annotated(entry(path, *cells, um_per_pixel=0.1))
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def test_the_heat_map_lies_the_right_way_round() -> None:
    values = np.zeros((7, 7), np.float32)
    values[0, 6] = 1
    layer = np.asarray(heat.layer(values, 28), int)
    assert layer[1, 26, 3] > layer[26, 1, 3]
    assert layer[1, 26, 0] > 200
    assert layer[26, 26, 0] < 60


def test_names_are_safe_short_and_apart() -> None:
    assert name_for("a/f.png", ".jpg") != name_for("b/f.png", ".jpg")
    assert name_for("a/f.png", ".jpg") == name_for("a/f.png", ".jpg")
    for evil in ("../../etc/passwd", "a/..", ".hidden", "x" * 300, "\udcff", "a/\n<b>&'\".png", ""):
        name = name_for(evil, ".jpg")
        assert Path(name).name == name
        assert len(name.encode()) < 255
        assert not name.startswith(".")
        assert not set(name) & set("<>&'\"\n/")


def test_a_folder_among_the_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "slides")
    for place in ("slides", "slides/seen", "link/seen", "slides/../link"):
        with pytest.raises(ConfigurationError, match="searched for fields"):
            open_folder(tmp_path / place, (str(tmp_path / "slides"),), again=True)
    assert open_folder(tmp_path / "seen", (str(tmp_path / "slides"),), again=False).is_dir()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require("--report")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="--report needs pillow, jinja2, markupsafe: pip"):
        require("--report")
