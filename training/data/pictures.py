"""Pictures of several laboratories: where each comes from and what is known of it.

A folder with a ``labels.csv`` holds sources of other laboratories. A folder of classes
(``layouts``), with or without a split.csv, is one source. A source that is *evaluate only* is
looked at and never learned from: ``EVALUATE_ONLY`` names those known to be so, and the column
``use`` may name more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from training.data import layouts, samples
from training.data.sample import DatasetError

LABELS = "labels.csv"
NEEDED = ("file", "source", "laboratory", "kind", "class", "malignant", "subject_group", "use")

EVALUATE_ONLY = frozenset({"healthy-other-labs", "leukemia-attri", "lisc", "raabin-seg"})
"""Sources that no release may learn from, whatever a table says."""

LYMPHOID = frozenset({"benign", "hem", "lymphocyte"})
"""Classes of healthy lymphocytes and their precursors."""
MIXED = frozenset({"benign", "healthy", "wbc", "field"})
"""Classes of healthy leukocytes of any kind: a lymphocyte or something else."""

KINDS = ("benign", "malignant", "other")
"""What a cell can be; ``other`` is a normal cell that is no lymphocyte."""


@dataclass(frozen=True)
class Picture:
    """One file: a field of a smear, or a single cell."""

    path: Path
    name: str
    """The path below the folder that was read."""
    source: str
    laboratory: str
    named: str
    """The class as its source writes it, in lower case."""
    malignant: bool | None
    """None where nobody knows."""
    group: str
    """What belongs together: subjects, a smear, or a slide; the picture's own name if unknown."""
    evaluate_only: bool = False
    single: bool = False
    """Whether one cell in the middle is meant, whatever lies around it."""
    bar: bool = False
    """Whether a scale bar may lie in the lower right corner."""
    part: str = ""
    guard: bool = False

    @property
    def allowed(self) -> tuple[bool, bool, bool]:
        """Which of ``KINDS`` a cell of this picture can be."""
        if self.malignant is None:
            return True, True, True
        if self.malignant:
            return False, True, False
        lymphoid = self.named in LYMPHOID or self.named in MIXED
        return lymphoid, False, self.named not in LYMPHOID or self.named in MIXED


def read(folder: Path, laboratory: str = "") -> list[Picture]:
    """Return all pictures of a folder, in a fixed order.

    Args:
        laboratory: of a folder without ``labels.csv``; its own name if empty.

    Raises:
        DatasetError: a table without its columns, a file that is not there, or no known layout.
    """
    if (folder / LABELS).is_file():
        return _listed(folder)
    return [
        Picture(
            sample.path,
            sample.path.relative_to(folder).as_posix(),
            folder.name,
            laboratory or folder.name,
            sample.named,
            sample.label.value == "malignant",
            sample.slide or sample.group or sample.path.name,
            folder.name in EVALUATE_ONLY,
            bar=True,
            part=sample.part,
            guard=sample.guard,
        )
        for sample in samples.every(folder)
    ]


def read_healthy(folder: Path) -> list[Picture]:
    """Return all pictures of a folder of healthy fields, which are evaluate only.

    Raises:
        DatasetError: the folder holds no images.
    """
    files = layouts.images(folder)
    if not files:
        raise DatasetError(f"{folder} holds no images")
    name = folder.name
    return [
        Picture(file, file.relative_to(folder).as_posix(), name, name, "healthy", False, file.name,
                evaluate_only=True)
        for file in files
    ]  # fmt: skip


def refuse_evaluate_only(sources: Iterable[str]) -> None:
    """Raise DatasetError if one of the sources is evaluate only."""
    named = sorted(EVALUATE_ONLY.intersection(sources))
    if named:
        raise DatasetError(
            f"{', '.join(named)} may be evaluated only: nothing may be trained, calibrated or "
            "chosen on it; leave it out of what is learned from"
        )


def _listed(folder: Path) -> list[Picture]:
    table = folder / LABELS
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    missing = [name for name in NEEDED if name not in rows.columns]
    if missing:
        raise DatasetError(f"{table} has no column {', '.join(missing)}")
    pictures = []
    for row in rows.to_dict("records"):
        path = folder / row["file"]
        if not path.is_file():
            raise DatasetError(f"{table} names {row['file']}, which is not in {folder}")
        if row["malignant"] not in ("0", "1", ""):
            raise DatasetError(
                f"{table}: {row['file']} has malignant {row['malignant']!r}; it must be 0, 1 or "
                "empty"
            )
        if row["use"] not in ("train", "evaluate"):
            raise DatasetError(
                f"{table}: {row['file']} has use {row['use']!r}; it must be train or evaluate"
            )
        pictures.append(
            Picture(
                path,
                row["file"],
                row["source"],
                row["laboratory"],
                row["class"].lower(),
                None if row["malignant"] == "" else row["malignant"] == "1",
                row["subject_group"] or row["file"],
                row["use"] == "evaluate" or row["source"] in EVALUATE_ONLY,
                single=row["kind"] == "cell",
            )
        )
    return pictures
