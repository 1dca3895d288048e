"""``python -m training split``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import FILE, clear_errors
from training.cli._options import data_option


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
def split(root: Path, level: str | None, patients: Path | None, column: str, seed: int) -> None:
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

    from training.data import dividing, layouts, listing
    from training.data.patients import identified
    from training.data.relatives.search import search, steps
    from training.data.sample import DatasetError

    with clear_errors():
        listing.refuse_another(root)
        found = layouts.find(root)
        samples = found.samples
        if patients:
            samples = identified(samples, root, patients, column)
        known = all(sample.patient for sample in samples)
        if level == "patient" and not known:
            raise DatasetError(dividing.NOBODY_KNOWS)
        level = level or ("patient" if known else "group")
        moved = level != "image" and found.layout != "cnmc"
        with click.progressbar(length=steps(len(samples), moved=moved), label="compare") as bar:
            relatives = search(samples, moved=moved, tell=bar.update)
        for path, why in relatives.unreadable.items():
            click.echo(f"left out, cannot be read: {path}: {why}", err=True)
        for name, count in found.passed_over.items():
            click.echo(f"passed over: {count} images in {name}, no class's folder", err=True)
        for line in dividing.oddities(root, relatives):
            click.echo(line, err=True)
        rows = dividing.rows(root, relatives, level, seed)
        written = listing.write(root, rows)
    for part in listing.PARTS:
        classes = Counter(row["class"] for row in rows if row["split"] == part)
        told = ", ".join(f"{name} {count}" for name, count in sorted(classes.items()))
        click.echo(f"{part:5} {classes.total():6}  {told}")
    guarded = sum(row["guard"] == "1" for row in rows)
    click.echo(f"{written} written: split by {level}, {guarded} training images under guard")
