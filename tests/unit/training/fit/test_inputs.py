"""Which pictures a head is compared on, and that only the picture differs."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from toolkit import served
from training.cli import main
from training.data import protocols
from training.fit.release import inputs
from training.fit.release.recipe import RECIPES, HeadRecipe
from training.models import applications

from ..conftest import CLASSES, write_field
from .conftest import tiny


def write(folder: Path, doubled: int) -> Path:
    """Two slides of the first classes, one of the others: four train, one val, one test each."""
    rows = []
    for number, name in enumerate(CLASSES):
        for index in range(12 if number < doubled else 6):
            path = f"{name}/{name}-{index}.jpg"
            write_field(folder / path, 100 * number + index)
            part = ("train", "train", "train", "train", "val", "test")[index % 6]
            slide = f"{name}-S0{index // 6 + 1}"
            rows.append({"path": path, "class": name, "slide": slide, "split": part})
    for row in rows:
        row |= {"group": row["path"], "guard": "0"}
    with (folder / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(autouse=True)
def small_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "MIN_IMAGES", 6)


@pytest.fixture
def two_slides(tmp_path: Path) -> Path:
    return write(tmp_path, 2)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    keras.utils.set_random_seed(5)
    path = tmp_path / "start.weights.h5"
    tiny(False, None, (224, 224, 3), "x").save_weights(path)
    return str(path)


OWN = dataclasses.replace(RECIPES["mobilenet"], taps=("last",), ridge=1 / 30)


def test_every_input_is_scored_on_the_same_images(two_slides: Path, weights: str) -> None:
    found = dict(inputs.compare(two_slides, "mobilenet", OWN, weights))
    assert list(found) == ["colour", "Macenko", "Reinhard", "density", "density, leukocytes alone"]
    for scores in found.values():
        assert {protocol: each["images"] for protocol, each in scores.items()} == {
            "known": 6,
            "slides": 24,
        }


def test_inputs_differ_and_the_last_is_what_is_served(
    two_slides: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    whole = inputs._features

    def watched(net, fields, show):
        shown.append(np.stack([show(field) for field in fields[:2]]))
        return whole(net, fields, show)

    monkeypatch.setattr(inputs, "_features", watched)
    list(inputs.compare(two_slides, "mobilenet", OWN, weights))
    first = sorted(two_slides.glob("Benign/*.jpg"))[0]
    seen = served.pixels.decode(first.read_bytes()).pixels
    assert any((picture == seen).all() for picture in shown[-1])
    assert len({picture.tobytes() for picture in shown}) == 5


def test_the_command_says_what_each_gave_and_what_it_lacks(
    two_slides: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, "mobilenet", tiny)
    monkeypatch.setitem(RECIPES, "mobilenet", OWN)
    arguments = ["inputs", "--data", str(two_slides), "--weights"]
    result = CliRunner().invoke(main, [*arguments, weights])
    assert result.exit_code == 0, result.output
    assert "density, leukocytes alone   known: four classes" in result.output
    missing = CliRunner().invoke(main, [*arguments, "none.weights.h5"])
    assert missing.exit_code == 1
    assert "no such file" in missing.output


def test_where_every_slide_is_tested_nothing_can_be_the_reference(
    tmp_path: Path, weights: str
) -> None:
    with pytest.raises(ValueError, match="none can be the stain's reference"):
        list(inputs.compare(write(tmp_path, len(CLASSES)), "mobilenet", OWN, weights))


def test_a_recipe_without_a_head_on_taps_is_refused(two_slides: Path, weights: str) -> None:
    with pytest.raises(ValueError, match="VGG16 has none"):
        list(inputs.compare(two_slides, "VGG16", HeadRecipe(), weights))
