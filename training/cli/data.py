"""Defines the command ``python -m training data``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from toolkit.commands import NEW_FILE, clear_errors
from training.cli._options import data_option

TOLD = 5
"""Files or pairs named of each kind; the JSON file names all."""


@click.command()
@data_option
@click.option(
    "--output",
    type=NEW_FILE,
    help="Write everything as JSON as well, every unreadable file and every leaking pair by name.",
)
def data(root: Path, output: Path | None) -> None:
    """Look through a data set: classes, slides, images that share cells, and what a split leaks.

    Every image is compared with every other: 2,700 images take about two minutes.

    \b
    Example:
      python -m training data --data all-smears
    """
    from rich.console import Console

    from training import record
    from training.data import summary
    from training.data.relatives.search import steps

    with clear_errors():
        contents = summary.contents(root)
        length = steps(len(contents.samples), moved=contents.fields)
        with click.progressbar(length=length, label="compare") as bar:
            told = summary.summarise(contents, bar.update)
    Console().print(_table(root, told))
    for line in _warnings(told):
        click.echo(line, err=True)
    if output:
        record.write(output, record.stamped(data=root.resolve().name, **told))


def _table(root: Path, told: dict[str, Any]) -> Any:
    from rich.table import Table

    pairs, split = told["pairs"], told["split"]
    apart = "not searched: single cells"
    table = Table(title=str(root), show_header=False)
    rows = {
        "layout": told["layout"],
        "images": f"{told['images']}",
        "classes": _counts(told["classes"]),
        "slides": _counts(told["slides"]) or "not named",
        "patients": told["patients"] or "not named: no split can be patient-level",
        "equal files": f"{pairs['equal']} pairs",
        "nearly equal": f"{pairs['near']} pairs" if pairs["overlapping"] is not None else apart,
        "overlapping": apart if pairs["overlapping"] is None else f"{pairs['overlapping']} pairs",
        "share cells": f"{told['with_relative']:.1%} of the images, in {told['groups']} groups",
        "a random split": f"leaks {_percent(told['random_split_leaks'])} of its test images",
        "split.csv": "none; python -m training split --data ... writes one",
    }
    if split:
        rows["split.csv"] = (
            f"by {split['level']}: {_counts(split['parts'])}; "
            f"leaks {_percent(split['leaks'])} of its test images"
        )
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _warnings(told: dict[str, Any]) -> list[str]:
    lines = [f"cannot be read: {name}: {why}" for name, why in told["unreadable"].items()]
    across = (told["split"] or {}).get("across", [])
    kinds = {
        "same cells, two classes": [" and ".join(pair) for pair in told["contradictions"]],
        "same cells, two parts": [" and ".join(pair) for pair in across],
        "not in split.csv": told["unlisted"],
        "passed over, no class's folder": [f"{n} ({k})" for n, k in told["passed_over"].items()],
    }
    for kind, names in kinds.items():
        lines += [f"{kind}: {name}" for name in names[:TOLD]]
        if len(names) > TOLD:
            lines.append(f"{kind}: {len(names) - TOLD} more")
    if sum(count > 0 for count in told["classes"].values()) == 1:
        lines.append("one class only: nothing can be learned from it")
    return lines


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in numbers.items())


def _percent(share: float | None) -> str:
    return "none" if share is None or math.isnan(share) else f"{share:.1%}"
