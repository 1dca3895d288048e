"""Right and wrong cells of every laboratory, drawn for the eye."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.laboratories import sheet

from .conftest import SIDE, cells, picture


def test_every_source_with_a_label_has_a_picture_of_right_and_wrong_cells(tmp_path: Path) -> None:
    table = cells(
        [picture("one", True, "a"), picture("one", False, "b"), picture("two", None, "c")], each=3
    )
    table.crops.rgb[:] = 0
    table.crops.rgb[1] = (200, 0, 0)
    logits = np.array([2.0, -1, 3, -1, -2, np.nan, 1, 1, 1])
    (path,) = sheet.write(table, logits, tmp_path / "new")
    assert path.name == "one.png"
    drawn = cv2.imread(str(path))[..., ::-1]
    # Benign right, benign wrong (a heading alone), malignant right, malignant wrong.
    line = SIDE * sheet.ZOOM + sheet.GAP
    assert drawn.shape == (4 * sheet.HEADING + 3 * line, sheet.ACROSS * line, 3)
    last = drawn[-line : -sheet.GAP]
    assert (last[:, : SIDE * sheet.ZOOM] == (200, 0, 0)).all(), "the malignant cell called benign"
    assert (last[:, line:] == sheet.WHITE).all(), "no other was wrong"


def test_cells_are_shown_from_the_surest_to_the_least_sure() -> None:
    logits = np.linspace(-1, 3, 1000)
    rows = sheet.evenly(np.arange(1000) % 2 == 0, logits)
    assert len(rows) == sheet.ACROSS * sheet.DOWN
    sure = np.abs(logits[rows])
    assert (np.diff(sure) <= 0).all()
    assert (sure[0], sure[-1]) == (sure.max(), sure.min())
    assert not (rows % 2).any()
    assert len(sheet.evenly(np.zeros(5, bool), np.zeros(5))) == 0
