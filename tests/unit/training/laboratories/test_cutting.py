"""Cells of drawn pictures are cut once, kept, and cut anew when a picture changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.pictures import Picture
from training.data.sample import DatasetError
from training.laboratories import cutting, scales
from training.laboratories.scales import Scale


def _draw(path: Path, cells: tuple[tuple[int, int], ...], red_cells: bool = True) -> None:
    image = np.full((240, 320, 3), (240, 236, 228), np.uint8)
    if red_cells:
        for x in range(30, 150, 40):
            for y in range(30, 220, 40):
                cv2.circle(image, (x, y), 12, (214, 178, 182), -1)
    for x, y in cells:
        cv2.circle(image, (x, y), 17, (110, 50, 140), -1)
    cv2.imwrite(str(path), image[..., ::-1])


def _picture(path: Path, *, single: bool = False, bar: bool = False) -> Picture:
    return Picture(
        path, path.name, "drawn", "drawn", "benign", False, path.name, single=single, bar=bar
    )


@pytest.fixture
def two(tmp_path: Path) -> list[Picture]:
    _draw(tmp_path / "a.png", ((220, 60), (270, 170)))
    _draw(tmp_path / "b.png", ((230, 120),))
    return [_picture(tmp_path / name) for name in ("a.png", "b.png")]


def test_cells_are_cut_at_one_scale_and_kept(
    two: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "cells"
    first = cutting.every(two, kept)
    assert first.crops.of.tolist() == [0, 0, 1]
    assert first.crops.rgb.shape == (3, cutting.SIDE, cutting.SIDE, 3)
    radius = np.sqrt(first.crops.own.sum((1, 2)) / np.pi)
    assert radius == pytest.approx(17 * cutting.SCALE / 24, abs=2)
    calls = []
    monkeypatch.setattr(cutting, "cut", lambda *given: calls.append(given) or real(*given))
    again = cutting.every(two, kept)
    assert len(calls) == 1  # of each source one picture is cut again and compared
    for name in first.crops.__dataclass_fields__:
        assert np.array_equal(getattr(first.crops, name), getattr(again.crops, name))


real = cutting.cut


def test_a_picture_that_changed_is_cut_anew(two: list[Picture], tmp_path: Path) -> None:
    cutting.every(two, tmp_path / "cells")
    _draw(two[1].path, ((230, 60), (230, 180)))
    assert cutting.every(two, tmp_path / "cells").crops.of.tolist() == [0, 0, 1, 1]


def test_what_other_code_cut_is_refused(
    two: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutting.every(two, tmp_path / "cells")
    monkeypatch.setattr(cutting, "background", lambda rgb: np.full(3, 255.0))
    monkeypatch.setattr(cutting.crops, "cut", lambda *_given: [])
    with pytest.raises(DatasetError, match="other code"):
        cutting.every(two, tmp_path / "cells")


def test_of_a_single_cell_picture_the_cell_in_the_middle_is_kept(tmp_path: Path) -> None:
    _draw(tmp_path / "a.png", ((160, 120), (270, 60)), red_cells=False)
    found = cutting.cut(_picture(tmp_path / "a.png", single=True), Scale(24))
    assert len(found) == 1
    assert found.rgb[0, cutting.SIDE // 2, cutting.SIDE // 2].tolist() == [110, 50, 140]


def test_of_a_crowded_field_a_fixed_choice_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _draw(tmp_path / "a.png", tuple((x, y) for x in (200, 250, 290) for y in (50, 120, 190)))
    monkeypatch.setattr(cutting, "MAX_CELLS", 4)
    found = [cutting.cut(_picture(tmp_path / "a.png"), Scale(24)) for _ in range(2)]
    assert len(found[0]) == 4
    assert np.array_equal(found[0].rgb, found[1].rgb)


def test_the_corner_of_the_bar_holds_no_cell(tmp_path: Path) -> None:
    _draw(tmp_path / "a.png", ((220, 60), (295, 220)))
    with_bar = cutting.cut(_picture(tmp_path / "a.png", bar=True), Scale(24))
    without = cutting.cut(_picture(tmp_path / "a.png"), Scale(24))
    assert (len(with_bar), len(without)) == (1, 2)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"a\.png"):
        cutting.cut(_picture(tmp_path / "a.png"), Scale(24))


def test_without_red_cells_the_scale_is_unknown(tmp_path: Path) -> None:
    _draw(tmp_path / "a.png", ((220, 60),), red_cells=False)
    with pytest.raises(DatasetError, match="scale is unknown"):
        cutting.every([_picture(tmp_path / "a.png")], tmp_path / "cells")


def test_a_picture_with_few_red_cells_gets_its_source_s_scale() -> None:
    from training.cells.red_cells import RedCells

    found = [RedCells(24, 1, 15), RedCells(60, 1, 2), None]
    got = scales.measured([240, 480, 120], found, "drawn")
    assert [scale.red_cell for scale in got] == pytest.approx([24, 48, 12])
