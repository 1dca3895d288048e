from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samples import render
from tests.unit.repository import policies
from tests.unit.repository.policies import GOOD_QUALITY
from training.evaluation import predictions
from training.evaluation.predictions import Predictions

CLASSES = ("Benign", "Early", "Pre", "Pro")
BACKBONES = ("mobilenet", "xception", "inception_v3")


@pytest.fixture(scope="session")
def drawn() -> list[np.ndarray]:
    """Sixteen drawn fields, uint8 [224, 224, 3]; every third shows red cells alone."""
    images = (one.image for one in render.images(count=16, seed=3, height=168))
    return [np.asarray(image.resize((224, 224))) for image in images]


@pytest.fixture(scope="session")
def drawn_smears(drawn: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn") / "drawn-smears"
    rows = []
    for number, field in enumerate(drawn):
        name, place = CLASSES[number // 4], number % 4
        path = root / name / f"{name}-{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(field).save(path, compress_level=1)
        rows.append(
            {
                "path": f"{name}/{path.name}",
                "class": name,
                "slide": f"{name}-S0{place // 2 + 1}",
                "group": "" if place == 3 else f"{name}-G{place}",
                "split": ("train", "val", "test", "test")[place],
                "guard": "0",
            }
        )
    with (root / "split.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture
def smears(tmp_path: Path, drawn_smears: Path) -> Path:
    """Four drawn fields of each class on two slides, with a split: train, val, test, test."""
    return shutil.copytree(drawn_smears, tmp_path / drawn_smears.name)


def net(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stands in for a master: darkness of each of 7 x 7 patches, weighed by class."""
    dark = 1 - pixels.reshape(len(pixels), 7, 32, 7, 32, 3).mean((2, 4, 5)) / 255
    cams = (dark[..., None] - 0.2) * np.array([-40, 10, 25, 40])
    return cams.mean((1, 2)).astype(np.float32), cams.astype(np.float32)


def says(
    backbone: str,
    answers: list[int],
    *,
    targets: list[int],
    protocol: str = "known",
    folds: list[str] | None = None,
    parts: list[str] | None = None,
    groups: list[str] | None = None,
    slides: list[str] | None = None,
    sureness: float = 6.0,
    **more: object,
) -> Predictions:
    """Predictions of a backbone that gives these classes, all equally sure."""
    count = len(targets)
    quality = np.tile(GOOD_QUALITY, (count, 1))
    return Predictions(
        protocol=protocol,
        backbone=backbone,
        paths=np.array([f"{number}.jpg" for number in range(count)]),
        targets=np.array(targets),
        groups=np.array(groups or [f"G{number}" for number in range(count)]),
        slides=np.array(slides or ["" for _ in targets]),
        folds=np.array(folds or [protocol] * count),
        parts=np.array(parts or ["test"] * count),
        logits=(np.eye(4)[answers] * sureness).astype(np.float32),
        quality=more.pop("quality", quality),
        nuclei_heat=more.pop("nuclei_heat", np.full((count, 3), np.nan, np.float32)),
        **more,
    )


@pytest.fixture
def store(tmp_path: Path):
    """Saves predictions into one folder and returns it."""

    def save(*given: Predictions) -> Path:
        for each in given:
            predictions.save(each, tmp_path / "predictions")
        return tmp_path / "predictions"

    return save


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A made-up policy: sure answers on fields of good quality need no review."""
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policies.POLICY))
    return path
