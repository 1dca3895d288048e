"""The drawn data set with labels."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from samples import dataset, render
from toolkit import served
from training.data import layouts
from training.data.patients import identified

ROOT = Path(__file__).parents[3]


def test_the_readers_find_four_classes_and_the_patients(tmp_path: Path) -> None:
    paths = dataset.write(tmp_path, count=48, height=96)
    found = layouts.find(tmp_path)
    assert Counter(each.named for each in found.samples) == dict.fromkeys(
        ("benign", "early_pre_b", "pre_b", "pro_b"), 12
    )
    assert sorted(each.path for each in found.samples) == sorted(paths)
    who = identified(found.samples, tmp_path, tmp_path / dataset.TABLE)
    assert len({each.patient for each in who}) == 24
    assert all(each.slide == f"{each.patient}-S01" for each in who)


def test_the_same_seed_draws_the_same_files_and_all_say_that_they_are_drawn(tmp_path: Path) -> None:
    first = dataset.write(tmp_path / "a", count=4, height=96)
    second = dataset.write(tmp_path / "b", count=4, height=96)
    other = dataset.write(tmp_path / "c", count=4, height=96, seed=2)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes() != other[0].read_bytes()
    assert all(Image.open(path).getexif()[270] == render.MARK for path in first)


def test_the_classes_look_different_to_the_networks(tmp_path: Path) -> None:
    """How dark nuclei are and how much of the field they take tells neighbours apart."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for path in dataset.write(tmp_path, count=48, height=224):
        field = served.pixels.rgb(path.read_bytes())
        nuclei = served.smear_nuclei.mask(field)
        assert nuclei.any(), path.name
        seen.setdefault(path.parent.name, []).append(
            (float(field[nuclei].mean()), float(nuclei.mean()))
        )
    darkness = {name: np.median([one for one, _ in rows]) for name, rows in seen.items()}
    area = {name: np.median([one for _, one in rows]) for name, rows in seen.items()}
    assert darkness["benign"] < darkness["early_pre_b"]
    assert area["benign"] < area["pro_b"]
    assert area["pre_b"] < area["pro_b"]


def test_no_stain_belongs_to_one_class(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [(path.parts[0], stain) for path, _, stain in dataset._planned(240)],
        columns=["class", "stain"],
    )
    assert (table.groupby("stain")["class"].nunique() == 4).all()


def test_command_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "samples", "dataset", "--out", str(tmp_path / "drawn")]
    words += ["--count", "8", "--side", "64"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == f"8 files in {tmp_path / 'drawn'}, {render.MARK}\n"
