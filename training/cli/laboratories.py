"""``python -m training laboratories``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import BACKBONES, NEW_FILE, NEW_FOLDER, clear_errors
from training.cli._options import laboratory_options


@click.command()
@laboratory_options
@click.option(
    "--cells",
    "kept",
    type=NEW_FOLDER,
    default=Path("build/laboratories/cells"),
    show_default=True,
    help="Where the cells are kept, as of cells; those that are missing are cut.",
)
@click.option(
    "--backbone",
    "backbones",
    type=click.Choice(BACKBONES),
    multiple=True,
    help="Also vote by the maps of this released backbone; repeat for several.  [default: none]",
)
@click.option(
    "--output",
    type=NEW_FILE,
    default=Path("build/laboratories/study.json"),
    show_default=True,
    help="Write all figures, with what was learned from.",
)
@click.option(
    "--pictures",
    "sheets",
    type=NEW_FOLDER,
    help="Also draw right and wrong cells of every source into this folder. They are images of "
    "your data.",
)
@click.option(
    "--idea",
    default="size and shape",
    show_default=True,
    help="The idea whose answers, each laboratory left out, are drawn.",
)
def laboratories(
    folders: tuple[Path, ...],
    healthy: tuple[Path, ...],
    kept: Path,
    backbones: tuple[str, ...],
    output: Path,
    sheets: Path | None,
    idea: str,
) -> None:
    """Judge ways to read cells with whole laboratories left out, and with new groups of known ones.

    Every way is a sum of linear votes over cells: on size, shape, texture, or the maps of a
    backbone's beginning. Fields are judged by the mean probability of their cells. Intervals are
    over groups.

    \b
    Example:
      python -m training laboratories --data all-smears --data other-labs \\
          --healthy healthy-other-labs --backbone mobilenet
    """
    from rich.console import Console
    from rich.table import Table

    from training import record
    from training.laboratories import cutting, features, protocols, sheet, show, study
    from training.laboratories import folders as read

    with clear_errors():
        pictures = read.pictures(folders, healthy)
        with click.progressbar(length=len(pictures), label="pictures") as bar:
            cells = cutting.every(pictures, kept, lambda done, _: bar.update(done - bar.pos))
        with click.progressbar(length=len(cells), label="cells") as bar:
            described = features.describe(cells.crops, lambda done: bar.update(done - bar.pos))
        descriptions = dict(described.columns())
        for name in backbones:
            from training.laboratories import maps

            click.echo(f"maps of {name}")
            descriptions[name] = maps.describe(name, described.planes)
        answers = study.answered(
            cells, descriptions, lambda fold: click.echo(f"heads without {fold}")
        )
        if sheets and idea not in answers:
            raise click.BadParameter(f"there are {', '.join(answers)}", param_hint="--idea")
        found = study.run(cells, descriptions, answers)
    console = Console()
    for protocol in protocols.PROTOCOLS:
        table = Table(*show.HEAD, title=f"left out: {protocol}")
        for row in show.rows(found, protocol):
            table.add_row(*row)
        console.print(table)
    table = Table(*show.HEAD, title="several cells together, left out: laboratories")
    for row in show.together_rows(found):
        table.add_row(*row)
    console.print(table)
    table = Table(*show.DOUBT_HEAD, title="limits of review from other laboratories left out")
    for row in show.review_rows(found):
        table.add_row(*row)
    console.print(table)
    output.parent.mkdir(parents=True, exist_ok=True)
    record.write(output, found)
    click.echo(f"{output} written")
    if sheets:
        for path in sheet.write(cells, answers[idea]["laboratories"], sheets):
            click.echo(f"{path} written")
