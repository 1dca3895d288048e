"""Defines options that say where the case store is, and opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from allclient.needed import needing

if TYPE_CHECKING:
    from allclient.store import Store

_F = TypeVar("_F", bound=Callable[..., Any])

DATA_VARIABLE: Final = "ALLCLIENT_DATA"
DATABASE_VARIABLE: Final = "DATABASE_URL"


def store_options(command: _F) -> _F:
    """Add ``--data``, ``--database`` and ``--files``, for commands that open the store."""
    for decorate in (
        click.option(
            "--files",
            envvar="ALLCLIENT_FILES",
            show_envvar=True,
            metavar="URL",
            help="Where the images are: a folder, or an fsspec address such as s3://bucket/folder. "
            "Default: files/ in the data folder.",
        ),
        click.option(
            "--database",
            envvar=DATABASE_VARIABLE,
            show_envvar=True,
            metavar="URL",
            help="PostgreSQL or SQLite, as postgresql://USER:PASSWORD@HOST/NAME. "
            "Default: store.sqlite in the data folder.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            envvar=DATA_VARIABLE,
            show_envvar=True,
            metavar="DIR",
            help="The data folder. Default: allclient in $XDG_DATA_HOME or ~/.local/share.",
        ),
    ):
        command = decorate(command)
    return command


def open_store(data: Path | None, database: str | None, files: str | None) -> Store:
    """Open the store that the options name. Raises ConfigurationError, also without the extra."""
    with needing("the case store", "web"):
        from allclient.store import Store
        from allclient.web.program import default_folder
    return Store(data or default_folder(), database or None, files or None)
