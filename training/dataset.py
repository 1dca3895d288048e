"""Reads the Kaggle folder layout (Benign, Early, Pre, Pro) and, where there is one, its split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from allclient.contract import IMAGE_SUFFIXES, SIDE, SUBTYPES, Subtype
from training import serving

FOLDERS = {
    "Benign": Subtype.BENIGN,
    "Early": Subtype.EARLY_PRE_B,
    "Pre": Subtype.PRE_B,
    "Pro": Subtype.PRO_B,
}
COLUMNS = ("path", "class", "split", "guard")


class DatasetError(ValueError):
    """The folder or its split.csv cannot be used as it is."""


@dataclass(frozen=True)
class Sample:
    path: Path
    subtype: Subtype
    group: str = ""
    """Samples of one group share cells; an interval over samples must resample whole groups."""
    slide: str = ""

    @property
    def target(self) -> int:
        """Index of the class in every probability tensor."""
        return SUBTYPES.index(self.subtype)


@dataclass(frozen=True)
class Dataset:
    root: Path
    parts: dict[str, list[Sample]]
    """Samples by part: train, val, test; one part "all" where the folder has no split.csv."""
    dropped: int = 0
    """Training images left out because they were shot right beside a held-out one."""

    @property
    def has_split(self) -> bool:
        return "all" not in self.parts

    def part(self, name: str) -> list[Sample]:
        if not self.has_split and name != "all":
            raise DatasetError(
                f"{self.root} has no split.csv; python -m training split --data ... writes one"
            )
        if name not in self.parts:
            known = ", ".join(self.parts)
            raise DatasetError(f"{self.root} has no part {name!r}; it has {known}")
        return self.parts[name]


def read(root: Path) -> Dataset:
    """Samples of ``root`` by part, in a fixed order.

    With ``split.csv`` its column ``split`` is followed, and training images with ``guard`` 1 are
    left out. Without it every image lies in the part "all".

    Raises:
        DatasetError: no such layout, a file of the split missing, or an unknown class.
    """
    listing = root / "split.csv"
    return _read_split(root, listing) if listing.is_file() else _read_folders(root)


def _read_split(root: Path, listing: Path) -> Dataset:
    table = pd.read_csv(listing, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise DatasetError(f"{listing} has no column {', '.join(missing)}")
    unknown = sorted(set(table["class"]) - set(FOLDERS))
    if unknown:
        raise DatasetError(f"{listing} names unknown classes: {', '.join(unknown)}")
    parts: dict[str, list[Sample]] = {"train": [], "val": [], "test": []}
    dropped = 0
    for row in table.to_dict("records"):
        if row["split"] not in parts:
            raise DatasetError(f"{listing}: {row['path']} has the unknown split {row['split']!r}")
        if row["split"] == "train" and row["guard"] == "1":
            dropped += 1
            continue
        path = root / row["path"]
        if not path.is_file():
            raise DatasetError(f"{listing} names {row['path']}, which is not in {root}")
        parts[row["split"]].append(
            Sample(path, FOLDERS[row["class"]], row.get("group", ""), row.get("slide", ""))
        )
    return Dataset(root, parts, dropped)


def _read_folders(root: Path) -> Dataset:
    samples = [
        Sample(path, subtype)
        for folder, subtype in FOLDERS.items()
        for path in sorted((root / folder).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not samples:
        folders = ", ".join(FOLDERS)
        raise DatasetError(f"{root} holds no images in folders named {folders}")
    return Dataset(root, {"all": samples})


def read_folder(root: Path, subtype: Subtype) -> Dataset:
    """All images of ``root``, which are of one class, as the part "all"."""
    files = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES)
    samples = [Sample(path, subtype) for path in files]
    if not samples:
        raise DatasetError(f"{root} holds no images")
    return Dataset(root, {"all": samples})


def write_random_split(root: Path, seed: int) -> Path:
    """Write ``root/split.csv``: of each class 70% train, 12% val, 18% test, equal files together.

    Raises:
        DatasetError: there is a split.csv already, or no image.
    """
    listing = root / "split.csv"
    if listing.exists():
        raise DatasetError(f"{listing} is there already; move it away first")
    rows = []
    for folder, subtype in FOLDERS.items():
        same: dict[str, list[Sample]] = {}
        for sample in _read_folders(root).part("all"):
            if sample.subtype is subtype:
                same.setdefault(hashlib.sha256(sample.path.read_bytes()).hexdigest(), []).append(
                    sample
                )
        hashes = np.random.default_rng(seed).permutation(sorted(same))
        for place, content in enumerate(hashes):
            share = (place + 0.5) / len(hashes)
            part = "train" if share < 0.7 else "val" if share < 0.82 else "test"
            rows += [
                {
                    "path": sample.path.relative_to(root).as_posix(),
                    "class": folder,
                    "sha256": content,
                    "split": part,
                    "guard": "0",
                }
                for sample in same[content]
            ]
    pd.DataFrame(rows).sort_values("path").to_csv(listing, index=False)
    return listing


def digest(samples: Sequence[Sample], root: Path) -> str:
    """SHA-256 over names and bytes of the samples, for the provenance of a model."""
    total = hashlib.sha256()
    for sample in sorted(samples, key=lambda each: each.path):
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        total.update(f"{sample.path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def counts(samples: Sequence[Sample]) -> dict[str, int]:
    return {each.value: sum(s.subtype is each for s in samples) for each in SUBTYPES}


def targets(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    return np.array([sample.target for sample in samples], np.int64)


def decode(
    samples: Sequence[Sample],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pixels uint8 [n, 224, 224, 3] and quality float32 [n, 12], decoded as the server does.

    Raises:
        DatasetError: an image the server would refuse; the message names it.
    """
    pixels = np.empty((len(samples), SIDE, SIDE, 3), np.uint8)
    quality = np.empty((len(samples), 12), np.float32)
    for index, decoded in enumerate(_decoded(samples)):
        pixels[index] = decoded.pixels
        quality[index] = decoded.quality
    return pixels, quality


def _decoded(samples: Sequence[Sample]) -> Iterator:
    module = serving.pixels()
    for sample in samples:
        try:
            yield module.decode(sample.path.read_bytes())
        except module.ImageError as error:
            raise DatasetError(f"{sample.path}: {error}") from error
