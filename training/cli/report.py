"""Defines the command ``python -m training report``."""

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
@click.option(
    "--own-images",
    is_flag=True,
    help="The masters were trained on other images than the released ones: page and card say "
    "nothing of those, and the project's goals are left out.",
)
def report(predictions: Path, policy: Path, out: Path, card: Path, own_images: bool) -> None:
    """Rebuild the whole report from saved predictions, without images and backbones.

    Unchanged predictions give unchanged files. What was not evaluated is shown as not measured.

    \b
    Example:
      python -m training report
    """
    from training.report import build

    with clear_errors():
        for path in build.build(predictions, policy, out, card, own_images=own_images):
            click.echo(f"{path} written")
