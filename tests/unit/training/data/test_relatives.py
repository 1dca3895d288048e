from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from training.data.layouts import find
from training.data.relatives import overlaps, pictures, search, shifts
from training.data.sample import Sample


def compare(*images: Image.Image) -> list[overlaps.Overlap]:
    seen = np.stack([pictures.contrast(np.array(image)) for image in images])
    return list(overlaps.confirm(seen, shifts.propose(seen)))


def names(relatives: search.Relatives, pairs: search.Pairs) -> list[tuple[str, str]]:
    return [tuple(relatives.samples[index].path.stem for index in pair) for pair in pairs]


def test_every_kind_of_relative_is_found_and_no_other(smears: Path) -> None:
    samples = find(smears).samples
    told: list[int] = []
    found = search.search(samples, tell=told.append)
    assert names(found, found.overlapping) == [("0-a", "0-b")]
    assert names(found, found.near) == [("1-a", "1-b")]
    assert names(found, found.equal) == [("2-a", "2-b")]
    assert not found.unsure
    assert sum(told) == search.steps(len(samples)) == 11 + 55


@pytest.mark.parametrize(
    ("left", "top"), [(0, 76), (120, 0), (60, 60), (17, 3), (120, 20), (-40, 30)]
)
def test_the_common_area_is_that_of_the_shift(cut, left: int, top: int) -> None:
    start = max(0, -left)
    (overlap,) = compare(cut(3, start, 0), cut(3, start + left, top))
    assert overlap.sure
    assert overlap.area == pytest.approx((224 - abs(left)) * (224 - top) / 224**2, abs=0.02)


def other_lamp(image: Image.Image) -> Image.Image:
    """As another lamp and white balance show it."""
    gamma = np.array([0.8, 1.25, 1.1])
    pixels = (np.asarray(image) / 255) ** gamma * np.array([0.95, 0.8, 0.9])
    return Image.fromarray((255 * pixels).astype(np.uint8))


def barred(image: Image.Image) -> Image.Image:
    pixels = np.array(image)
    pixels[190:, 190:] = 255
    pixels[205:209, 192:] = 0
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    "change", [other_lamp, barred, lambda image: image.filter(ImageFilter.GaussianBlur(3))]
)
def test_light_bar_and_focus_do_not_hide_an_overlap(cut, change) -> None:
    (overlap,) = compare(cut(1), change(cut(1, 80, 40)))
    assert overlap.sure


def test_the_bar_alone_makes_no_relatives(cut) -> None:
    assert not compare(*(barred(cut(place)) for place in range(8)))


def test_blank_fields_are_no_relatives() -> None:
    blank = Image.new("RGB", (224, 224), (240, 235, 245))
    assert not compare(blank, Image.new("RGB", (224, 224), (240, 235, 245)))


def test_a_correlation_over_a_small_area_is_worth_less() -> None:
    small, large = overlaps.Overlap(0, 1, 0.8, 0.1), overlaps.Overlap(0, 1, 0.8, 0.4)
    assert not small.sure
    assert large.sure
    assert large.strength == pytest.approx(2 * small.strength)


def test_unreadable_files_are_named_and_the_search_goes_on(smears: Path) -> None:
    (smears / "benign" / "4-a.jpg").write_bytes(b"no image")
    (smears / "benign" / "6-a.jpg").write_bytes(b"")
    found = search.search(find(smears).samples)
    assert {path.name for path in found.unreadable} == {"4-a.jpg", "6-a.jpg"}
    assert all(found.unreadable.values())
    assert len(found.samples) == len(found.sha256) == 9
    assert names(found, found.pairs) == [("2-a", "2-b"), ("1-a", "1-b"), ("0-a", "0-b")]


def test_single_cells_are_compared_as_files_only(smears: Path) -> None:
    found = search.search(find(smears).samples, moved=False)
    assert names(found, found.pairs) == [("2-a", "2-b")]
    assert search.steps(11, moved=False) == 11


def test_one_image_has_no_relatives(smears: Path) -> None:
    found = search.search([Sample(smears / "benign" / "0-a.jpg", None)])
    assert not found.pairs


def test_units_join_pairs_and_equal_keys_but_not_empty_ones() -> None:
    units = search.joined(6, [(0, 3)], ["", "a", "", "a", "", ""], ["", "", "x", "", "", "x"])
    assert units[0] == units[1] == units[3]
    assert units[2] == units[5]
    assert len(set(units)) == 3
