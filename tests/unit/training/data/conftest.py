from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samples import field

SIDE = 224
Cut = Callable[..., Image.Image]


@pytest.fixture(scope="session")
def cut() -> Cut:
    """Fields of eight drawn places of a smear; the places are larger, so that fields overlap."""
    scenes = [
        field.draw(
            np.random.default_rng([7, number]),
            kind=field.KINDS[number % 2],
            stain="purple",
            height=300,
            width=400,
        )
        for number in range(8)
    ]

    def cut(place: int, left: int = 0, top: int = 0) -> Image.Image:
        return scenes[place].crop((left, top, left + SIDE, top + SIDE))

    return cut


@pytest.fixture(scope="session")
def drawn(cut: Cut, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn") / "smears"
    for place in range(8):
        save(cut(place), root, f"{place}-a")
    save(cut(0, 90, 30), root, "0-b")
    save(cut(1, 3, 2), root, "1-b")
    shutil.copy(root / "benign" / "2-a.jpg", root / "benign" / "2-b.jpg")
    return root


@pytest.fixture
def smears(drawn: Path, tmp_path: Path) -> Path:
    """Folders benign and pro_b with eleven fields of eight places, the even ones benign.

    The two fields of place 0 overlap, those of 1 are nearly equal, those of 2 equal files.
    """
    return shutil.copytree(drawn, tmp_path / "smears")


def save(image: Image.Image, root: Path, name: str) -> None:
    folder = root / ("pro_b" if int(name[0]) % 2 else "benign")
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / f"{name}.jpg", quality=90)


@pytest.fixture
def cnmc(tmp_path: Path) -> Path:
    """C-NMC 2019's layout: three patients and three healthy subjects, two cells of each."""
    rng = np.random.default_rng(2)
    for number in range(3):
        for name, who in (("all", str(number + 1)), ("hem", f"H{number + 1}")):
            folder = tmp_path / "cells" / f"fold_{number}" / name
            folder.mkdir(parents=True)
            for cell in (1, 2):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"UID_{who}_4_{cell}_{name}.bmp")
    return tmp_path / "cells"
