"""Defines the command ``python -m convert savedmodel``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._options import Master, masters_options, place, places
from toolkit.commands import clear_errors


@click.command()
@masters_options
@places
def savedmodel(masters: list[Master], out: Path | None, into: Path) -> None:
    """Write TensorFlow SavedModels, the exact exported models.

    \b
    Example:
      python -m convert savedmodel --all
    """
    from convert import artifacts
    from convert import savedmodel as conversion

    with clear_errors():
        for one in masters:
            folder = place(out, into, masters, one, "model.saved_model")
            conversion.make(one.path, folder)
            click.echo(f"{folder} written ({artifacts.size(folder):.1f} MB)")
