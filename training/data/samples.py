"""Reads a data set on disk: found by its layout, split by split.csv, decoded as by the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import QUALITY_FIELDS, SIDE, Subtype
from toolkit import served
from training.data import layouts, listing
from training.data.listing import PARTS
from training.data.sample import DatasetError, Sample, counts, targets

__all__ = [
    "PARTS",
    "Dataset",
    "DatasetError",
    "Sample",
    "counts",
    "decode",
    "digest",
    "every",
    "level",
    "read",
    "read_folder",
    "targets",
]


@dataclass(frozen=True)
class Dataset:
    """The samples of a folder, by part."""

    root: Path
    parts: dict[str, list[Sample]]
    """Samples by part: train, val, test; one part "all" where the folder has no split.csv."""
    dropped: int = 0
    """Training images left out because they were shot right beside a held-out one."""
    level: str = ""
    """What no two parts share: image, group or patient (``listing.Listing``); empty, no split."""

    @property
    def has_split(self) -> bool:
        """Whether the folder has a split.csv."""
        return "all" not in self.parts

    def part(self, name: str) -> list[Sample]:
        """Return the samples of one part.

        Raises:
            DatasetError: there is no such part, or no split.csv.
        """
        if not self.has_split and name != "all":
            raise DatasetError(
                f"{self.root} has no split.csv; python -m training split --data ... writes one"
            )
        if name not in self.parts:
            known = ", ".join(self.parts)
            raise DatasetError(f"{self.root} has no part {name!r}; it has {known}")
        return self.parts[name]


def read(root: Path) -> Dataset:
    """Return the samples of ``root`` by part, in a fixed order.

    With ``split.csv`` its column ``split`` is followed, and training images with ``guard`` 1 are
    left out. Without it every image lies in the part "all".

    Raises:
        DatasetError: no layout of ``layouts``, or a split.csv that ``listing`` refuses.
    """
    if not (root / listing.FILE).is_file():
        return Dataset(root, {"all": layouts.find(root).samples})
    split = listing.read(root)
    kept = [s for s in split.samples if s.part != "train" or not s.guard]
    parts = {part: [s for s in kept if s.part == part] for part in PARTS}
    return Dataset(root, parts, len(split.samples) - len(kept), split.level)


def every(root: Path) -> list[Sample]:
    """Return all samples of ``root`` in a fixed order, guard images included.

    Raises the errors of ``read``.
    """
    if (root / listing.FILE).is_file():
        return listing.read(root).samples
    return layouts.find(root).samples


def level(root: Path) -> str:
    """Return what the parts of ``root``'s split.csv do not share.

    Raises the errors of ``read``.
    """
    return listing.read(root).level


def read_folder(root: Path, subtype: Subtype) -> Dataset:
    """Return all images of ``root``, which are of one class, as the part "all"."""
    samples = [Sample(path, subtype) for path in layouts.images(root)]
    if not samples:
        raise DatasetError(f"{root} holds no images")
    return Dataset(root, {"all": samples})


def digest(samples: Sequence[Sample], root: Path) -> str:
    """Return SHA-256 over names and bytes of the samples, for the provenance of a model."""
    total = hashlib.sha256()
    for sample in sorted(samples, key=lambda each: each.path):
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        total.update(f"{sample.path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def decode(
    samples: Sequence[Sample],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return pixels uint8 [n, 224, 224, 3] and quality float32 [n, q], decoded as the server does.

    Pixels are what the backbones see: optical densities, not the field's colours. Quality
    is in the order of ``contract.QUALITY_FIELDS``.

    Raises:
        DatasetError: an image the server would refuse; the message names it.
    """
    pixels = np.empty((len(samples), SIDE, SIDE, 3), np.uint8)
    quality = np.empty((len(samples), len(QUALITY_FIELDS)), np.float32)
    for index, decoded in enumerate(_decoded(samples)):
        pixels[index] = decoded.pixels
        quality[index] = decoded.quality
    return pixels, quality


def _decoded(samples: Sequence[Sample]) -> Iterator[Any]:
    for sample in samples:
        try:
            yield served.pixels.decode(sample.path.read_bytes())
        except served.pixels.ImageError as error:
            raise DatasetError(f"{sample.path}: {error}") from error
