"""Reads a table of who is who: the patient, and where known the slide, of each image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.data.sample import DatasetError, Sample

NAMED = 3
"""Missing images that a message names."""


def identified(
    samples: Sequence[Sample], root: Path, table: Path, column: str = "patient"
) -> list[Sample]:
    """Return ``samples`` with the patients of ``table``, a CSV with columns path and ``column``.

    Paths are relative to ``root``. A column slide is taken over too. Rows of other images are
    passed over, so that one table may serve several folders.

    Raises:
        DatasetError: a column that is not there, an image without a patient, or an image of two.
    """
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    for needed in ("path", column):
        if needed not in rows.columns:
            raise DatasetError(
                f"{table} has no column {needed}; it has {', '.join(map(str, rows.columns))}"
            )
    rows["path"] = rows["path"].str.replace("\\", "/", regex=False).str.strip()
    rows[column] = rows[column].str.strip()
    rows = rows.drop_duplicates()
    twice = rows["path"][rows["path"].duplicated()]
    if len(twice):
        raise DatasetError(f"{table} says two different things of {twice.iloc[0]}")
    told = rows.set_index("path").to_dict("index")
    samples_found, missing = [], []
    for sample in samples:
        name = sample.path.relative_to(root).as_posix()
        row = told.get(name, {})
        if not row.get(column):
            missing.append(name)
        slide = str(row.get("slide", "")) or sample.slide
        samples_found.append(
            dataclasses.replace(sample, patient=str(row.get(column, "")), slide=slide)
        )
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise DatasetError(
            f"{table} names no {column} for {', '.join(missing[:NAMED])}{more}; a patient-level "
            "split needs one for every image"
        )
    return samples_found
