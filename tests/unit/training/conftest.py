from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("Benign", "Early", "Pre", "Pro")


def write_field(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((224, 224)).save(path, quality=90)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Class folders with six different noise images each, and no split.csv."""
    for number, name in enumerate(CLASSES):
        for index in range(6):
            write_field(tmp_path / name / f"{name}-{index}.jpg", 100 * number + index)
    return tmp_path


@pytest.fixture
def split(folders: Path) -> Path:
    """The same with a split: per class three train (one of them guard), one val, two test."""
    rows = [
        {
            "path": f"{name}/{name}-{index}.jpg",
            "class": name,
            "slide": f"{name}-S01",
            "group": f"{name}-G{index // 2}",
            "split": ("train", "train", "train", "val", "test", "test")[index],
            "guard": "1" if index == 2 else "0",
        }
        for name in CLASSES
        for index in range(6)
    ]
    with (folders / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folders
