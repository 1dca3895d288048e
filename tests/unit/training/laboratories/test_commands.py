"""Both commands run on drawn pictures of three laboratories."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner

from training.cli import main

LABORATORIES = ("one", "two", "three")
HEAD = ("file", "source", "laboratory", "kind", "class", "malignant", "subject_group", "use")


def _draw(path: Path, radius: int, seed: int) -> None:
    """A field with red cells, and two nuclei with clumps in them."""
    rng = np.random.default_rng(seed)
    image = np.full((180, 260, 3), (240, 236, 228), np.uint8)
    for x in range(30, 120, 40):
        for y in range(30, 170, 40):
            cv2.circle(image, (x, y), 12, (214, 178, 182), -1)
    for x, y in ((165, 90), (220, 90)):
        cv2.circle(image, (x, y), radius, (110, 50, 140), -1)
        for dx, dy in rng.integers(-radius // 2, radius // 2, (5, 2)):
            cv2.circle(image, (x + int(dx), y + int(dy)), 3, (80, 30, 110), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def _laboratories(folder: Path) -> list[str]:
    rows = []
    for laboratory in LABORATORIES:
        for number in range(8):
            malignant = number % 2
            file = f"{laboratory}/{number}.png"
            _draw(folder / file, 16 + 5 * malignant, number)
            rows.append([file, laboratory, laboratory, "field", "x", malignant, number, "train"])
    with (folder / "labels.csv").open("w", newline="") as lines:
        head = [
            "file",
            "source",
            "laboratory",
            "kind",
            "class",
            "malignant",
            "subject_group",
            "use",
        ]
        csv.writer(lines).writerows([head, *rows])
    healthy = folder / "healthy-other-labs"
    for number in range(3):
        _draw(healthy / f"{number}.png", 16, number)
    return ["--data", str(folder), "--healthy", str(healthy)]


def test_cells_are_cut_and_judged(tmp_path: Path) -> None:
    data = _laboratories(tmp_path)
    kept, output = tmp_path / "cells", tmp_path / "study.json"
    cut = CliRunner().invoke(main, ["cells", *data, "--out", str(kept)])
    assert cut.exit_code == 0, cut.output
    assert "evaluate only" in cut.output
    command = ["laboratories", *data, "--cells", str(kept), "--output", str(output)]
    command += ["--pictures", str(tmp_path / "sheets")]
    judged = CliRunner().invoke(main, command)
    assert judged.exit_code == 0, judged.output
    found = json.loads(output.read_text())
    assert [row["name"] for row in found["learned_from"]] == sorted(LABORATORIES)
    assert found["evaluated"]["pictures"]["size"]["laboratories"]["two"]["auroc"]["value"] == 1
    healthy = found["evaluated"]["pictures"]["size"]["laboratories"]["healthy-other-labs"]
    assert healthy["called_malignant"]["value"] == 0
    drawn = {path.stem for path in (tmp_path / "sheets").iterdir()}
    assert drawn == {*LABORATORIES, "healthy-other-labs"}


def test_a_source_that_was_read_before_is_named(tmp_path: Path) -> None:
    data = _laboratories(tmp_path)
    result = CliRunner().invoke(main, ["cells", *data, *data, "--out", str(tmp_path / "cells")])
    assert result.exit_code != 0
    assert "which was read before" in result.output
