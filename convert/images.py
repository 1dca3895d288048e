"""Images for quantisation and for checks, decoded as the server decodes them."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

MODEL_REPOSITORY = Path(__file__).resolve().parents[1] / "model_repository"


class DataError(ValueError):
    """The data folder cannot give the images asked for."""


def paths(root: Path, part: str, most: int | None = None) -> list[Path]:
    """Images of ``part`` in ``root/split.csv``, evenly over the listing; guard images left out.

    Raises:
        DataError: no split.csv, or nothing of that part in it.
    """
    listing = root / "split.csv"
    if not listing.is_file():
        raise DataError(f"{listing} is missing: quantisation may only see training images")
    with listing.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == part]
    rows = [row for row in rows if not (part == "train" and row["guard"] == "1")]
    if not rows:
        raise DataError(f"{listing} has no images of the part {part!r}")
    # Classes lie one after the other in the listing, so an even stride keeps their shares.
    count = min(most or len(rows), len(rows))
    return [root / rows[i * len(rows) // count]["path"] for i in range(count)]


def decode(files: list[Path]) -> npt.NDArray[np.uint8]:
    """What the backbones see, uint8 [n, 224, 224, 3]: no colours, but optical densities."""
    module = _pixels()
    return np.stack([module.decode(file.read_bytes()).pixels for file in files])


def _pixels() -> ModuleType:
    if "pixels" not in sys.modules:
        path = MODEL_REPOSITORY / "preprocess" / "1" / "pixels.py"
        spec = importlib.util.spec_from_file_location("pixels", path)
        if spec is None or spec.loader is None:
            raise DataError(f"{path} is missing; conversion needs a full checkout of the project")
        sys.path.append(str(path.parent))  # for the modules beside it
        sys.modules["pixels"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["pixels"]
