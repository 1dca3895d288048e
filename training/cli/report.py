"""``python -m training report``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import FILE, FOLDER, NEW_FILE, NEW_FOLDER, clear_errors


@click.command()
@click.option(
    "--predictions",
    type=FOLDER,
    default=Path("docs/evaluation/predictions"),
    show_default=True,
    help="What python -m training evaluate saved.",
)
@click.option(
    "--policy",
    type=FILE,
    default=Path("model_repository/vote/1/policy.json"),
    show_default=True,
    help="Review policy to apply; the default is the one that is served.",
)
@click.option(
    "--out",
    type=NEW_FOLDER,
    default=Path("docs/evaluation"),
    show_default=True,
    help="Folder for report.json, report.html and the pictures.",
)
@click.option(
    "--card",
    type=NEW_FILE,
    default=Path("training/masters/MODEL_CARD.md"),
    show_default=True,
    help="The model card; training records are read from its folder.",
)
def report(predictions: Path, policy: Path, out: Path, card: Path) -> None:
    """Rebuild the whole report from saved predictions, without images and networks.

    Unchanged predictions give unchanged files. What was not evaluated is shown as not measured.

    \b
    Example:
      python -m training report
    """
    from training.report import build

    with clear_errors():
        for path in build.build(predictions, policy, out, card):
            click.echo(f"{path} written")
