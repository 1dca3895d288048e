"""Draws a data set with labels: a folder for each class, and a table of invented patients.

It is for trying the training without real images. A program can tell its classes apart. What is
learned from it says nothing about real cells.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from samples import field, render
from samples.stains import STAINS

PATIENTS: Final = 6
"""Patients of a class, as far as there are images for them. Each has one slide, of one stain."""

TABLE: Final = "patients.csv"


def write(out: Path, *, count: int, seed: int = 1, height: int = render.HEIGHT) -> list[Path]:
    """Draw ``count`` fields into ``out``/<class>/, classes in turn, and write a table of patients.

    Return the images' paths. The same seed gives the same pictures.
    """
    rows: list[dict[str, str]] = []
    for path, patient, stain in _planned(count):
        kind = path.parts[0]
        rng = np.random.default_rng([seed, len(rows)])
        image = field.draw(rng, kind=kind, stain=stain, height=height, width=height * 4 // 3)
        (out / kind).mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(render.encode(image))
        rows.append({"path": path.as_posix(), "patient": patient, "slide": f"{patient}-S01"})
    with (out / TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["path", "patient", "slide"], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return [out / row["path"] for row in rows]


def _planned(count: int) -> Iterator[tuple[Path, str, str]]:
    """Yield each image's path in the data set, its patient and its stain."""
    stains = tuple(STAINS)
    turns = zip(range(count), itertools.cycle(field.LABELLED), strict=False)
    for index, kind in turns:
        number, first = index // len(field.LABELLED), field.LABELLED.index(kind)
        patient = number % PATIENTS
        # Classes begin with different stains, so that no stain belongs to one class.
        stain = stains[(patient + first) % len(stains)]
        yield Path(kind, f"drawn-{index:04d}-{kind}.jpg"), f"{kind}-P{patient + 1}", stain
