"""Defines the command ``python -m training augment``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import NEW_FILE, clear_errors
from training.cli._options import data_option


@click.command()
@data_option
@click.option(
    "--out",
    type=NEW_FILE,
    required=True,
    metavar="FILE.png",
    help="The contact sheet. It shows real fields: keep it where those may be kept.",
)
@click.option(
    "--fields", "rows", type=click.IntRange(1), default=8, show_default=True, help="Rows."
)
@click.option(
    "--views", "columns", type=click.IntRange(1), default=8, show_default=True, help="Columns."
)
@click.option("--each", is_flag=True, help="One column for every effect alone, in every view.")
@click.option(
    "--side", type=click.IntRange(8), default=224, show_default=True, help="Pixels of a view."
)
@click.option(
    "--as-served", is_flag=True, help="Show what the backbones see of each view, not its colours."
)
@click.option("--seed", default=0, show_default=True)
def augment(
    root: Path,
    out: Path,
    rows: int,
    columns: int,
    each: bool,
    side: int,
    as_served: bool,
    seed: int,
) -> None:
    """Write a contact sheet of training fields and random views of them, to look at.

    Fields come from every slide in turn. Training sees such views; whether they could be smears
    of another laboratory is for the eye to say.
    """
    from training.augment import sheet
    from training.augment.config import AugmentConfig
    from training.augment.mixing import Donors
    from training.data.samples import every
    from training.fit import images

    with clear_errors():
        fields = images.in_colour(sheet.chosen(every(root), rows, seed), nuclei=True)
        config = AugmentConfig()
        made = (
            [(effect, sheet.alone(effect, config)) for effect in sheet.EFFECTS]
            if each
            else [(f"view {number + 1}", config) for number in range(columns)]
        )
        sheet.write(
            list(fields.pixels),
            out,
            made,
            side=side,
            seed=seed,
            donors=Donors(fields.pixels, fields.slides),
            nuclei=fields.nuclei,
            render=images.render() if as_served else None,
        )
    click.echo(f"{out} written")
