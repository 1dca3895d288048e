from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest

from training.data import leaks, summary
from training.data.relatives.search import Relatives
from training.data.sample import DatasetError, Sample


def test_a_leak_is_a_test_image_with_a_relative_in_training() -> None:
    some = [Sample(Path(f"{number}.jpg"), None) for number in range(6)]
    relatives = Relatives(some, [""] * 6, equal=[(0, 1)], overlapping=[(1, 2), (3, 4)])
    parts = ["train", "test", "test", "val", "test", "train"]
    assert leaks.share(relatives, parts) == pytest.approx(1 / 3)
    assert math.isnan(leaks.share(relatives, ["train"] * 6))
    assert leaks.of_random_splits(Relatives(some, [""] * 6)) == 0


def test_everything_of_a_set_without_split_is_told(smears: Path) -> None:
    shutil.copy(smears / "benign" / "4-a.jpg", smears / "pro_b" / "9-a.jpg")
    (smears / "benign" / "6-a.jpg").write_bytes(b"no image")
    (smears / "blurred").mkdir()
    shutil.copy(smears / "benign" / "4-a.jpg", smears / "blurred")
    told = summary.summarise(summary.contents(smears))
    assert told["layout"] == "classes"
    assert told["images"] == 12
    assert told["pairs"] == {"equal": 2, "near": 1, "overlapping": 1, "unsure": 0}
    assert told["groups"] == 7
    assert told["with_relative"] == pytest.approx(8 / 11)
    assert list(told["unreadable"]) == ["benign/6-a.jpg"]
    assert told["contradictions"] == [["benign/4-a.jpg", "pro_b/9-a.jpg"]]
    assert told["passed_over"] == {"blurred": 1}
    assert 0 < told["random_split_leaks"] <= 1
    assert told["split"] is None
    json.dumps(told)


def test_a_split_that_leaks_is_told_by_name(smears: Path) -> None:
    parts = {"0-a": "train", "0-b": "test", "1-a": "train", "1-b": "val", "2-a": "test"}
    rows = [
        {
            "path": f"{path.parent.name}/{path.name}",
            "class": path.parent.name,
            "split": parts.get(path.stem, "test" if path.stem == "2-b" else "train"),
            "guard": str(int(path.stem == "1-a")),
        }
        for path in sorted(smears.rglob("*-?.jpg"))
        if path.stem != "7-a"
    ]
    with (smears / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    told = summary.summarise(summary.contents(smears))
    assert told["unlisted"] == ["pro_b/7-a.jpg"]
    assert told["split"] == {
        "level": "image",
        "parts": {"train": 5, "test": 3, "guard": 1, "val": 1},
        "leaks": pytest.approx(1 / 3),
        "across": [["benign/0-a.jpg (train)", "benign/0-b.jpg (test)"]],
    }


def test_cells_are_not_searched_for_overlaps(cnmc: Path) -> None:
    told = summary.summarise(summary.contents(cnmc))
    assert told["patients"] == 6
    assert told["pairs"] == {"equal": 0, "near": 0, "overlapping": None, "unsure": None}


def test_no_layout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images in folders named"):
        summary.contents(tmp_path)
