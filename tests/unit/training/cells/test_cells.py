"""Leukocytes are found, parted, measured and cut out alike, whatever the scale and the lamp."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from training.cells import crops, density, nuclei, red_cells, shape


def test_red_cells_give_the_scale(drawn: Any) -> None:
    found = red_cells.measure(drawn([(250, 100, 20)], red_cell=24))
    assert found is not None
    assert found.diameter == pytest.approx(24, abs=1)
    assert found.aspect == pytest.approx(1, abs=0.05)
    assert found.alone == 15


def test_a_squeeze_shows_in_the_red_cells_and_is_undone(drawn: Any) -> None:
    squeezed = cv2.resize(drawn(), (180, 240), interpolation=cv2.INTER_AREA)
    seen = red_cells.measure(squeezed)
    undone = red_cells.measure(squeezed, aspect=320 / 180)
    assert seen is not None
    assert undone is not None
    assert seen.aspect == pytest.approx(180 / 320, abs=0.06)
    assert undone.aspect == pytest.approx(1, abs=0.06)
    assert undone.diameter == pytest.approx(24, abs=1.5)


def test_no_red_cells_no_scale(on_black: Any) -> None:
    assert red_cells.measure(on_black) is None
    assert red_cells.measure(np.full((60, 60, 3), 230, np.uint8)) is None


@pytest.mark.parametrize("light", [(240, 236, 228), (250, 250, 190), (150, 180, 200)])
def test_nuclei_are_found_under_any_lamp_and_red_cells_are_none(drawn: Any, light: Any) -> None:
    labels = nuclei.find(drawn([(220, 60, 17), (270, 170, 22)], light=light))
    assert labels.max() == 2
    assert labels[60, 220] != labels[170, 270]
    assert not labels[:, :160].any()


def test_a_field_of_red_cells_has_no_nuclei(drawn: Any) -> None:
    assert nuclei.find(drawn()).max() == 0


def test_an_empty_picture_has_no_nuclei() -> None:
    assert nuclei.find(np.full((60, 80, 3), 200, np.uint8)).max() == 0


def test_touching_nuclei_are_parted(drawn: Any) -> None:
    labels = nuclei.find(drawn([(210, 100, 18), (243, 100, 18)]))
    assert labels.max() == 2
    areas = np.bincount(labels.ravel())[1:]
    assert areas.min() > 0.85 * np.pi * 18**2


def test_a_long_nucleus_stays_one(drawn: Any) -> None:
    image = drawn()
    cv2.ellipse(image, (240, 120), (24, 14), 30.0, 0.0, 360.0, (110, 50, 140), -1)
    assert nuclei.find(image).max() == 1


def test_platelets_are_left_out(drawn: Any) -> None:
    assert nuclei.find(drawn([(220, 60, 5), (270, 170, 20)])).max() == 1


def test_of_a_cell_on_black_the_nucleus_is_labelled(on_black: Any) -> None:
    labels = nuclei.find(on_black)
    assert density.on_black(on_black)
    assert labels.max() == 1
    assert np.count_nonzero(labels) == pytest.approx(np.pi * 25**2, rel=0.1)
    assert not labels[:30, 85:].any()


def test_of_a_cell_on_black_the_pale_rim_is_no_nucleus() -> None:
    image = np.zeros((120, 120, 3), np.uint8)
    cv2.circle(image, (60, 60), 30, (110, 100, 140), -1)  # cytoplasm
    cv2.circle(image, (60, 60), 22, (70, 35, 90), -1)
    cv2.circle(image, (60, 60), 4, (110, 100, 140), -1)  # a vacuole
    labels = nuclei.find(image)
    assert np.count_nonzero(labels) == pytest.approx(np.pi * 22**2, rel=0.1)
    assert labels[60, 60] == 1


def test_shape_of_a_circle() -> None:
    mask = np.asarray(cv2.circle(np.zeros((80, 80), np.uint8), (40, 40), 20, (1,), -1), np.uint8)
    area, roundness, solidity, axes, border = shape.measure(mask, 24)
    assert area == pytest.approx(np.pi * 20**2 / 24**2, rel=0.03)
    assert roundness > 0.85
    assert solidity > 0.95
    assert axes == pytest.approx(1, abs=0.03)
    assert border == 0


def test_shape_of_a_long_one_at_the_border() -> None:
    mask = np.asarray(
        cv2.ellipse(np.zeros((80, 80), np.uint8), (20, 40), (30, 15), 0.0, 0.0, 360.0, (1,), -1),
        np.uint8,
    )
    _, roundness, _, axes, border = shape.measure(mask, 24)
    assert roundness < 0.85
    assert axes < 0.75
    assert border == 1


@pytest.mark.parametrize("factor", [0.75, 1.0, 2.0])
def test_cells_come_out_alike_at_any_resolution(drawn: Any, factor: float) -> None:
    image = drawn([(220, 60, 17), (270, 170, 22)])
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    cells = crops.cut(scaled, 24 * factor, 1.0, 28.0, 80)
    assert len(cells) == 2
    for cell, radius in zip(cells, (17, 22), strict=True):
        assert cell.shape[0] == pytest.approx(np.pi * radius**2 / 24**2, rel=0.08)
        assert np.count_nonzero(cell.mask) == pytest.approx(
            np.pi * (radius * 28 / 24) ** 2, rel=0.1
        )
    assert cells[0].centre == pytest.approx((220 / 320, 60 / 240), abs=0.01)


def test_a_squeezed_camera_frame_gives_the_same_cells(drawn: Any) -> None:
    squeezed = cv2.resize(drawn([(250, 120, 20)]), (240, 240), interpolation=cv2.INTER_AREA)
    (cell,) = crops.cut(squeezed, 24, 4 / 3, 28.0, 80)
    assert cell.shape[0] == pytest.approx(np.pi * 20**2 / 24**2, rel=0.08)
    assert cell.shape[3] > 0.93


def test_a_window_knows_its_own_nucleus_from_the_others(drawn: Any) -> None:
    left, right = crops.cut(drawn([(210, 100, 18), (248, 100, 18)]), 24, 1.0, 28.0, 80)
    assert left.rgb.shape == (80, 80, 3)
    assert left.mask[40, 40] == 1
    assert left.others.any()
    assert not (left.mask & left.others).any()
    assert right.mask[40, 40] == 1


def test_a_cell_at_the_border_is_said_to_be_cut(drawn: Any) -> None:
    (cell,) = crops.cut(drawn([(316, 120, 20)]), 24, 1.0, 28.0, 80)
    assert cell.shape[4] == 1
    assert cell.rgb.shape == (80, 80, 3)
