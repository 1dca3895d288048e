"""Decodes fields for quantisation and for checks, as the server decodes them.

They come from a data folder with its split.csv. Without one they are drawn by samples/. Drawn
fields show that a conversion works. They say nothing about real smears, and every record and table
that was made with them says so.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from allclient.contract import IMAGE_SUFFIXES
from convert import limits
from toolkit import served

CLASSES: Final = ("benign", "early", "pre", "pro")
"""Names of the classes in split.csv, in the order of the logits."""

DRAWN: Final = "samples/render"
"""Source of fields that no laboratory took. It has a slash, so that no data folder is called so."""

DRAWN_SEEDS: Final = {"train": 101, "val": 102, "test": 103}
DRAWN_COUNTS: Final = {"train": 240, "val": 400, "test": 600}
"""About as many to judge and to compare on as there are real ones: of 285 clear fields three would
already miss a limit of 99%, and which three is chance."""

Watch = Callable[[Sequence[bytes]], Iterable[bytes]]
"""Passes the encoded fields on while it shows how far they are."""


class DataError(ValueError):
    """The data folder cannot give the images asked for."""


@dataclass(frozen=True)
class Fields:
    """Decoded fields of one part of the data."""

    pixels: npt.NDArray[np.uint8]
    """What the backbones see: optical densities, uint8 [n, 224, 224, 3]."""
    quality: npt.NDArray[np.float32]
    """QUALITY of each, float32 [n, q]."""
    classes: npt.NDArray[np.int64]
    """Index into CLASSES, int64 [n]; -1 where nobody said."""
    part: str
    source: str
    """Name of the data folder, or DRAWN."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def drawn(self) -> bool:
        """Whether the fields were drawn by samples/."""
        return self.source == DRAWN

    @property
    def margin(self) -> float:
        """The lead that the most probable class needs to count; see ``limits.clear``."""
        return limits.DRAWN_MARGIN if self.drawn else 0.0

    def record(self) -> dict[str, object]:
        """Return what a record says of the fields."""
        return {"part": self.part, "count": len(self), "source": self.source}

    def mirrored(self) -> Fields:
        """Return every field as it is, left for right, upside down, and both.

        A smear has no upright, so all four are fields.
        """
        ways = (np.s_[:], np.s_[:, :, ::-1], np.s_[:, ::-1], np.s_[:, ::-1, ::-1])
        return Fields(
            np.concatenate([self.pixels[way] for way in ways]),
            np.concatenate([self.quality] * len(ways)),
            np.concatenate([self.classes] * len(ways)),
            f"{self.part}, mirrored {len(ways)} ways",
            self.source,
        )

    def take(self, rows: npt.NDArray[np.intp]) -> Fields:
        """Return the fields of some rows."""
        return replace(
            self,
            pixels=self.pixels[rows],
            quality=self.quality[rows],
            classes=self.classes[rows],
        )


def listed(root: Path, part: str, most: int | None = None) -> list[tuple[Path, int]]:
    """Return the files of ``part`` in ``root/split.csv`` with their class, without guard images.

    At most ``most`` of them are taken, evenly over the listing.

    Raises:
        DataError: there is no split.csv, or nothing of that part in it.
    """
    listing = root / "split.csv"
    if not listing.is_file():
        raise DataError(
            f"{listing} is missing: quantisation may only see training images; "
            f"python -m training split --data {root} writes it"
        )
    with listing.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == part]
    rows = [row for row in rows if not (part == "train" and row["guard"] == "1")]
    if not rows:
        raise DataError(f"{listing} has no images of the part {part!r}")
    # Classes lie one after the other in the listing, so an even stride keeps their shares.
    count = min(most or len(rows), len(rows))
    taken = (rows[i * len(rows) // count] for i in range(count))
    return [(root / row["path"], _class(row["class"])) for row in taken]


def paths(root: Path, part: str, most: int | None = None) -> list[Path]:
    """Return the files of ``listed`` without their classes."""
    return [path for path, _ in listed(root, part, most)]


def fields(root: Path | None, part: str, most: int | None = None, watch: Watch = iter) -> Fields:
    """Return the fields of ``part``; without a data folder, drawn ones, at most DRAWN_COUNTS.

    Raises:
        DataError: an image cannot be read, or the errors of ``listed``.
    """
    if root is None:
        count = DRAWN_COUNTS[part]
        return _drawn(part, min(most or count, count), watch)
    chosen = listed(root, part, most)
    pixels, quality = _decoded([path for path, _ in chosen], watch)
    classes = np.array([one for _, one in chosen], np.int64)
    return Fields(pixels, quality, classes, part, root.resolve().name)


def folder(root: Path, watch: Watch = iter) -> Fields:
    """Return every image in a folder and in those below it; their class is not known.

    Raises:
        DataError: no image there, or one cannot be read.
    """
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise DataError(f"{root} has no images")
    pixels, quality = _decoded(files, watch)
    return Fields(pixels, quality, np.full(len(files), -1), "all", root.resolve().name)


def decode(files: list[Path]) -> npt.NDArray[np.uint8]:
    """Return what the backbones see of the files, uint8 [n, 224, 224, 3]."""
    return _decoded(files, iter)[0]


def _drawn(part: str, count: int, watch: Watch) -> Fields:
    from samples import render

    drawn = render.images(count=count, seed=DRAWN_SEEDS[part], height=224)
    pixels, quality = _read([render.encode(one.image) for one in drawn], watch)
    return Fields(pixels, quality, np.full(count, -1), part, DRAWN)


def _decoded(
    files: list[Path], watch: Watch
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise DataError(f"{missing} is named in split.csv and is not there")
    return _read([file.read_bytes() for file in files], watch)


def _read(
    encoded: list[bytes], watch: Watch
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    def answers() -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]:
        for data in watch(encoded):
            answer = served.pixels.decode(data)
            yield answer.pixels, answer.quality

    seen, quality = zip(*answers(), strict=True)
    return np.stack(seen), np.stack(quality).astype(np.float32)


def _class(name: str) -> int:
    lowered = name.lower()
    return CLASSES.index(lowered) if lowered in CLASSES else -1
