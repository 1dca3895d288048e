"""Leukocytes one by one: they are parted where they were drawn, and share the field's answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import smear_evidence
import smear_leukocytes
import smear_part
from PIL import Image, ImageDraw

from allclient import contract
from samples import field, render
from toolkit import served

SIDE = contract.SIDE
Shape = tuple[float, float, float, float]


def mask(*ellipses: Shape) -> np.ndarray:
    """Ellipses of (column, row, half width, half height)."""
    image = Image.new("1", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    for x, y, wide, high in ellipses:
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=1)
    return np.array(image)


def overlap(one: Shape, other: Shape) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(high, 0)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


@pytest.mark.parametrize(
    ("second", "count"),
    {
        "apart": ((140, 60, 10, 12), 2),
        "touching": ((79, 64, 10, 12), 2),
        "overlapping a little": ((76, 62, 10, 12), 2),
        "of unequal size": ((84, 60, 16, 18), 2),
        "nearly the same": ((63, 60, 10, 12), 1),
    }.values(),
)
def test_two_nuclei_are_parted_where_they_touch(second: Shape, count: int) -> None:
    first = (60, 60, 10, 12)
    found = smear_part.part(mask(first, second))
    assert len(found.boxes) == count
    if count == 2:
        for x, y, wide, high in (first, second):
            assert found.owner[int(y), int(x)] in (0, 1)
            expected = (x - wide, y - high, 2 * wide + 1, 2 * high + 1)
            assert max(overlap(expected, tuple(box)) for box in found.boxes) > 0.7
        assert found.owner[60, 60] != found.owner[int(second[1]), int(second[0])]


def test_specks_are_no_cells_but_belong_to_the_nearest() -> None:
    found = smear_part.part(mask((60, 60, 12, 12), (160, 160, 12, 12), (75, 90, 3, 3)))
    assert len(found.boxes) == 2
    assert found.owner[90, 75] == found.owner[60, 60]
    assert set(np.unique(found.owner)) == {0, 1}
    assert not len(smear_part.part(mask((75, 90, 3, 3))).boxes)
    assert not len(smear_part.part(np.zeros((SIDE, SIDE), bool)).boxes)
    assert len(smear_part.part(np.ones((SIDE, SIDE), bool)).boxes) == 1


def test_a_pale_middle_belongs_to_its_nucleus() -> None:
    ring = mask((60, 60, 14, 14)) & ~mask((60, 60, 8, 8))
    (box,) = smear_part.part(ring).boxes
    assert tuple(box) == (46, 46, 29, 29)


def test_the_boxes_are_where_leukocytes_were_drawn() -> None:
    """Cut ones count from the size on from which the served model counts them. A smudge is purple
    and no cell: what is found there is neither right nor wrong."""
    right = wrong = missed = 0
    for one in render.images(count=48, seed=2):
        height = one.image.height
        nuclei = [scaled(box, height) for box in one.nuclei]
        smudges = [scaled(box, height) for box in one.smudges]
        decoded = served.pixels.decode(render.encode(one.image))
        boxes = [tuple(box) for box in smear_part.part(decoded.nuclei).boxes]
        pairs = matched(boxes, nuclei)
        right += len(pairs)
        wrong += sum(
            not any(touching(box, smudge) for smudge in smudges)
            for box in boxes
            if box not in pairs
        )
        missed += sum(
            countable(box) and not any(touching(box, smudge) for smudge in smudges)
            for box in nuclei
            if box not in pairs.values()
        )
    assert right > 250
    assert right / (right + wrong) >= 0.95
    assert right / (right + missed) >= 0.95


def scaled(box: field.Box, height: int) -> Shape:
    """A box in pixels of the squashed field; drawn ones are 4:3."""
    down = SIDE / height
    return box.left * down * 3 / 4, box.top * down, box.width * down * 3 / 4, box.height * down


def matched(boxes: list[Shape], nuclei: list[Shape]) -> dict[Shape, Shape]:
    """Which nucleus each box shows, with an intersection over union of 0.5 and more."""
    pairs: dict[Shape, Shape] = {}
    for box in boxes:
        left = [nucleus for nucleus in nuclei if nucleus not in pairs.values()]
        best = max(left, key=lambda nucleus: overlap(box, nucleus), default=box)
        if left and overlap(box, best) >= 0.5:
            pairs[box] = best
    return pairs


def touching(one: Shape, other: Shape) -> bool:
    return overlap(one, other) > 0


def countable(box: Shape) -> bool:
    """Whether enough of it lies in the field and outside of the scale-bar corner."""
    left, top, wide, high = box
    hidden = max(left + wide - 188, 0) * max(top + high - 188, 0)
    return (wide * high - hidden) * np.pi / 4 > 1.3 * smear_part.MIN_AREA


CLASSES = 4


def linear_field(
    rng: np.random.Generator, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A map as a linear head on averages over leukocytes gives it: pixels, mask, map, and what the
    head says of each position of nothing but itself, and its bias."""
    nuclei = mask((50, 60, 14, 16), (78, 60, 12, 14), (140, 120, 15, 15), (30, 170, 10, 12))
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[nuclei] = (90, 60, 120)
    step = SIDE // side
    cut = (SIDE - step * side) // 2
    inner = np.s_[cut : cut + step * side, cut : cut + step * side]
    share = nuclei[inner].reshape(side, step, side, step).mean(axis=(1, 3))
    head = rng.normal(size=(side, side, CLASSES)) * 5
    bias = rng.normal(size=CLASSES) * 5
    return pixels, nuclei, bias + head * (share / share.mean())[..., None], head, bias


@pytest.mark.parametrize("side", [14, 25, 28, 56])
def test_the_field_is_the_mean_of_its_cells(side: int) -> None:
    pixels, nuclei, cam, head, bias = linear_field(np.random.default_rng(side), side)
    boxes, owner = smear_part.part(nuclei)
    assert len(boxes) == 4
    shown = smear_evidence.seen(pixels)
    said = smear_evidence.of_cells(cam, owner, shown, len(boxes))
    assert said.areas.sum() == pytest.approx(1)
    np.testing.assert_allclose(said.areas @ said.logits, cam.mean(axis=(0, 1)), atol=1e-9)
    # A cell's answer is what the head says on average over its own pixels.
    step = SIDE // side
    cut = (SIDE - step * side) // 2
    rows, columns = np.nonzero(shown & (owner == owner[120, 140]))
    places = (rows - cut) // step, (columns - cut) // step
    expected = bias + head[places].mean(axis=0)
    np.testing.assert_allclose(said.logits[owner[120, 140]], expected, atol=1e-9)


def test_what_is_said_where_nothing_is_seen_is_said_of_all_alike() -> None:
    """As networks say it that were not made for leukocytes alone."""
    pixels, nuclei, _, _, _ = linear_field(np.random.default_rng(0), 14)
    cam = np.random.default_rng(1).normal(size=(14, 14, CLASSES))
    boxes, owner = smear_part.part(nuclei)
    said = smear_evidence.of_cells(cam, owner, smear_evidence.seen(pixels), len(boxes))
    np.testing.assert_allclose(said.areas @ said.logits, cam.mean(axis=(0, 1)), atol=1e-9)


def test_a_cell_that_a_backbone_does_not_see_has_no_weight_in_it() -> None:
    nuclei = mask((4, 100, 5, 12), (100, 100, 12, 12))
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[nuclei] = 90
    boxes, owner = smear_part.part(nuclei)
    cam = np.random.default_rng(1).normal(size=(25, 25, CLASSES))
    said = smear_evidence.of_cells(cam, owner, smear_evidence.seen(pixels), len(boxes))
    at_edge = owner[100, 4]
    assert said.areas[at_edge] == 0
    assert said.areas.sum() == pytest.approx(1)
    cams = {"mobilenet": np.zeros((14, 14, CLASSES)), "inception_v3": cam * 100}
    rows = smear_leukocytes.rows(pixels, np.packbits(nuclei), cams, dict.fromkeys(cams, 1.0))
    np.testing.assert_allclose(rows[at_edge, 4:8], 0.25)
    assert rows[at_edge, 9] == 1


def test_rows_hold_boxes_probabilities_areas_and_agreement() -> None:
    nuclei = mask((60, 60, 12, 12), (160, 112, 6, 6))
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[nuclei] = 90
    flat = np.zeros((14, 14, CLASSES))
    cams = {
        "mobilenet": flat + np.array([3, 0, 0, 0]),
        "xception": flat + np.array([0, 0, 1, 0]),
        "inception_v3": flat + np.array([4, 0, 0, 2]),
    }
    temperature = {"mobilenet": 1.0, "xception": 2.0, "inception_v3": 1.0}
    rows = smear_leukocytes.rows(pixels, np.packbits(nuclei), cams, temperature)
    assert rows.shape == (2, len(contract.CELL_FIELDS))
    table = [dict(zip(contract.CELL_FIELDS, row, strict=True)) for row in rows.tolist()]
    box = [table[0][name] * SIDE for name in ("x", "y", "width", "height")]
    assert box == pytest.approx([48, 48, 25, 25])
    softmax = [np.exp(v) / np.exp(v).sum() for v in ([3, 0, 0, 0], [0, 0, 0.5, 0], [4, 0, 0, 2])]
    names = [f"probability_{subtype.value}" for subtype in contract.SUBTYPES]
    for cell in table:
        np.testing.assert_allclose([cell[n] for n in names], np.mean(softmax, axis=0), atol=1e-6)
        assert cell["agreement"] == pytest.approx(2 / 3)
    areas = [cell["area_share"] for cell in table]
    assert sum(areas) == pytest.approx(1)
    assert areas[0] == pytest.approx(mask((60, 60, 12, 12)).sum() / nuclei.sum())
    assert smear_leukocytes.filled_up([rows, rows[:1], rows[:0]]).shape == (3, 2, 10)


def test_numbers_that_are_none_are_refused() -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    nuclei = np.zeros(contract.NUCLEI_BYTES, np.uint8)
    cam = np.full((28, 28, 4), np.nan, np.float32)
    with pytest.raises(smear_leukocytes.CellsError, match="xception"):
        smear_leukocytes.rows(pixels, nuclei, {"xception": cam}, {"xception": 1.0})
    with pytest.raises(smear_leukocytes.CellsError, match="at least one"):
        smear_leukocytes.rows(pixels, nuclei, {}, {})


def test_the_temperatures_are_those_of_the_vote() -> None:
    policy = json.loads(served.POLICY.read_text(encoding="utf-8"))
    assert served.temperature() == policy["temperature"]
