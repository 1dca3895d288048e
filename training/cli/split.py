"""Defines the command ``python -m training split``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.commands import FILE, NEW_FOLDER, clear_errors
from training.cli._options import data_option

if TYPE_CHECKING:
    from training.data.relatives.search import Relatives
    from training.data.sample import Sample


@click.command()
@data_option
@click.option(
    "--level",
    type=click.Choice(("patient", "group", "image")),
    help="What never stands in two parts: a patient, images that share cells, or only equal "
    "files. Default: patient where patients are known, else group.",
)
@click.option(
    "--patients",
    type=FILE,
    help="CSV with the columns path (relative to DATA) and patient, and slide if known.",
)
@click.option("--column", default="patient", show_default=True, help="Patients' column in there.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--out",
    type=NEW_FOLDER,
    help="Write split.csv and links to the images into this folder instead, and nothing into DATA. "
    "A split.csv of DATA is followed; files in it that cannot be read are left out.",
)
@click.option(
    "--min-images",
    default=0,
    metavar="N",
    help="Refuse a data set with fewer than N readable images of any of the four classes.",
)
def split(
    root: Path,
    level: str | None,
    patients: Path | None,
    column: str,
    seed: int,
    out: Path | None,
    min_images: int,
) -> None:
    """Write DATA/split.csv: train 70%, val 12%, test 18% of each class, by whole units.

    Fields of one slide share its stain and often cells. A split by images rewards knowing them,
    one by groups still rewards the slide; only a split by patients says what a new patient's
    field is worth. C-NMC 2019 names its patients; for other sets give --patients.

    \b
    Examples:
      python -m training split --data all-smears
      python -m training split --data ours --patients patients.csv
    """
    from collections import Counter

    from training.data import dividing, enough, gathered, listing
    from training.data.sample import DatasetError

    with clear_errors():
        followed = out is not None and (root / listing.FILE).is_file()
        if followed and (level or patients):
            raise DatasetError(
                f"{root / listing.FILE} decides the parts already: leave out --level and "
                "--patients, or move it away"
            )
        if out is None:
            listing.refuse_another(root)
        samples, moved = _samples(root, patients, column, followed)
        known = all(sample.patient for sample in samples)
        if level == "patient" and not known:
            raise DatasetError(dividing.NOBODY_KNOWS)
        level = level or ("patient" if known else "group")
        if min_images:
            enough.check(samples, min_images)
        relatives = _compared(root, samples, moved and not followed and level != "image")
        if min_images:
            enough.check(relatives.samples, min_images)
        if followed:
            hashes = zip(relatives.samples, relatives.sha256, strict=True)
            rows = gathered.rows(root, {sample.path: sha256 for sample, sha256 in hashes})
        else:
            rows = dividing.rows(root, relatives, level, seed)
        written = gathered.write(root, out, rows) if out else listing.write(root, rows)
    for part in listing.PARTS:
        classes = Counter(row["class"] for row in rows if row["split"] == part)
        told = ", ".join(f"{name} {count}" for name, count in sorted(classes.items()))
        click.echo(f"{part:5} {classes.total():6}  {told}")
    guarded = sum(row["guard"] == "1" for row in rows)
    how = f"as {root / listing.FILE} says" if followed else f"split by {level}"
    click.echo(f"{written} written: {how}, {guarded} training images under guard")


def _samples(
    root: Path, patients: Path | None, column: str, followed: bool
) -> tuple[list[Sample], bool]:
    """Return every image of the data set, and whether images may share cells."""
    from training.data import layouts, listing
    from training.data.patients import identified

    if followed:
        return listing.read(root).samples, True
    folders = layouts.find(root)
    for name, count in folders.passed_over.items():
        click.echo(f"passed over: {count} images in {name}, no class's folder", err=True)
    samples = folders.samples
    if patients:
        samples = identified(samples, root, patients, column)
    return samples, folders.layout != "cnmc"


def _compared(root: Path, samples: list[Sample], moved: bool) -> Relatives:
    """Read every image once; return those found that share cells, and say what is unreadable."""
    from training.data import dividing
    from training.data.relatives.search import search, steps

    with click.progressbar(length=steps(len(samples), moved=moved), label="compare") as bar:
        relatives = search(samples, moved=moved, tell=bar.update)
    for path, why in relatives.unreadable.items():
        click.echo(f"left out, cannot be read: {path}: {why}", err=True)
    if relatives.unreadable:
        click.echo(f"left out: {len(relatives.unreadable)} of {len(samples)} images", err=True)
    for line in dividing.oddities(root, relatives):
        click.echo(line, err=True)
    return relatives
