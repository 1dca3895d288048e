"""Reads and writes split.csv: which part each image falls into, and what the split keeps apart.

Columns path, class, split (train, val, test) and guard (0, 1) must be there; slide, group and
patient may be; level says what the split claims to keep apart and is held against the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from training.data.layouts import NAMES
from training.data.sample import DatasetError, Sample

FILE = "split.csv"
PARTS = ("train", "val", "test")
COLUMNS = ("path", "class", "split", "guard")
LEVELS = ("image", "group", "patient")


@dataclass(frozen=True)
class Listing:
    """The samples of a split.csv, and what it keeps apart."""

    samples: list[Sample]
    level: str
    """What no two parts share: "patient", "group" (of images that share cells), or "image", which
    promises nothing."""


def read(root: Path) -> Listing:
    """Return the split of ``root``, in the order of its file.

    Raises:
        DatasetError: a column, class, part or file that is not there, an image listed twice, or
            a level that the columns contradict.
    """
    path = root / FILE
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise DatasetError(f"{path} has no column {', '.join(missing)}")
    if table.empty:
        raise DatasetError(f"{path} lists no image")
    unknown = sorted(set(table["class"]) - set(NAMES))
    if unknown:
        raise DatasetError(
            f"{path} names unknown classes: {', '.join(unknown)}; known are {', '.join(NAMES)}"
        )
    twice = sorted(set(table["path"][table["path"].duplicated()]))
    if twice:
        raise DatasetError(f"{path} lists {twice[0]} more than once")
    samples = [_sample(root, path, row) for row in table.to_dict("records")]
    return Listing(samples, _level(path, samples, set(table.get("level", []))))


def write(root: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write split.csv, sorted by path.

    Raises:
        DatasetError: there is one already.
    """
    path = refuse_another(root)
    pd.DataFrame(rows).sort_values("path").to_csv(path, index=False)
    return path


def refuse_another(root: Path) -> Path:
    """Return where split.csv will lie.

    Raises:
        DatasetError: there is one already.
    """
    path = root / FILE
    if path.exists():
        raise DatasetError(f"{path} is there already; move it away first")
    return path


def _sample(root: Path, listing: Path, row: dict[str, str]) -> Sample:
    name = row["path"]
    if row["split"] not in PARTS:
        raise DatasetError(f"{listing}: {name} has the unknown split {row['split']!r}")
    if row["guard"] not in ("0", "1"):
        raise DatasetError(f"{listing}: {name} has guard {row['guard']!r}, which is not 0 or 1")
    path = root / name
    if not path.is_file():
        raise DatasetError(f"{listing} names {name}, which is not in {root}")
    return Sample(
        path,
        NAMES[row["class"]],
        group=row.get("group", ""),
        slide=row.get("slide", ""),
        part=row["split"],
        guard=row["guard"] == "1",
        patient=row.get("patient", ""),
    )


def _level(listing: Path, samples: Sequence[Sample], claims: set[str]) -> str:
    if not claims:
        return next(
            (level for level in ("patient", "group") if not _objection(samples, level)), "image"
        )
    if len(claims) > 1 or not claims <= set(LEVELS):
        raise DatasetError(
            f"{listing}: the column level holds {', '.join(sorted(claims))}; it must hold one of "
            f"{', '.join(LEVELS)} in every row"
        )
    level = claims.pop()
    objection = _objection(samples, level)
    if objection:
        raise DatasetError(f"{listing} claims a split by {level}, but {objection}")
    return level


def _objection(samples: Sequence[Sample], level: str) -> str:
    """Return why the split does not keep ``level`` apart; empty if it does."""
    if level == "image":
        return ""
    keys: dict[str, Callable[[Sample], str]] = {
        "patient": lambda sample: sample.patient,
        "group": lambda sample: sample.group,
    }
    parts: dict[str, str] = {}
    for sample in samples:
        key = keys[level](sample)
        if not key:
            return f"{sample.path.name} has no {level}"
        if parts.setdefault(key, sample.part) != sample.part:
            return f"{level} {key} stands in {parts[key]} and in {sample.part}"
    return ""
