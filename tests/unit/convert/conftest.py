"""Painted fields of four classes and a tiny network that tells them apart."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

NUCLEI = (0, 7, 14, 21)
"""How many a field of each class has: the backbones see nuclei alone, so classes differ by them."""

CLASSES = ("Benign", "Early", "Pre", "Pro")
PARTS = ("val", "test", "train", "train", "train")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Painted fields whose classes lie far from each other, so that no rounding changes one."""
    root = tmp_path_factory.mktemp("painted")
    draw = random.Random(0)
    rows = ["path,class,split,guard"]
    for index in range(60):
        kind = index % 4
        name = f"{kind}-{index:02}.png"
        field(NUCLEI[kind], draw).save(root / name)
        rows.append(f"{name},{CLASSES[kind]},{PARTS[index % 5]},0")
    (root / "split.csv").write_text("\n".join(rows))
    return root


def field(nuclei: int, draw: random.Random) -> Image.Image:
    image = Image.new("RGB", (224, 224), (240, 235, 240))
    pen = ImageDraw.Draw(image)
    places = [(x, y) for x in range(20, 180, 36) for y in range(20, 220, 36)]
    for number, (x, y) in enumerate(draw.sample(places, len(places))):
        radius, colour = (12, (110, 60, 190)) if number < nuclei else (8, (190, 180, 205))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


@pytest.fixture(scope="session")
def seen(data: Path) -> Any:
    """The training part of ``data``, decoded once."""
    from convert import images

    return images.fields(data, "train")


@pytest.fixture(scope="session")
def net(seen: Any) -> Any:
    """Random convolutions; the head tells which class of ``data`` lies nearest to what they see."""
    keras = pytest.importorskip("keras", reason="conversion needs the extra 'convert'")
    keras.utils.set_random_seed(1)
    pixels = keras.Input((224, 224, 3), dtype="uint8", name="PIXELS")
    maps = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    for filters in (8, 16):
        maps = keras.layers.Conv2D(filters, 5, 5, use_bias=False)(maps)
        maps = keras.layers.ReLU()(keras.layers.BatchNormalization()(maps))
    head = keras.layers.Dense(4)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(pixels, {"LOGITS": head(pooled), "CAM": head(maps)})
    found = keras.Model(pixels, pooled).predict_on_batch(seen.pixels)
    centres = np.stack([found[seen.classes == one].mean(0) for one in range(4)])
    sizes = ((centres - found.mean(0)) ** 2).sum(1)
    kernel = (centres - found.mean(0)).T / sizes.max() * 20
    head.set_weights([kernel, -sizes / (2 * sizes.max()) * 20 - found.mean(0) @ kernel])
    return model


@pytest.fixture(scope="session")
def master_file(net: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("master") / "tiny.keras"
    net.save(path)
    path.with_suffix(".json").write_text(json.dumps({"backbone": "tiny", "seed": 1, "more": 2}))
    return path


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
