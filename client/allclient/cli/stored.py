"""Defines options that say where the case store is, and opens it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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


@contextlib.contextmanager
def opened_store(
    data: Path | None, database: str | None, files: str | None, *, make: bool = True
) -> Iterator[Store]:
    """Open the store that the options name, for as long as the block lasts.

    Without ``make`` a folder that holds no store is refused.

    Raises:
        ConfigurationError: it cannot be used, or the extra is not installed.
        StoreError: its database failed in the middle.
    """
    with needing("the case store", "web"):
        from allclient.store import Store
        from allclient.store.database import failures_told
        from allclient.web.program import default_folder
    folder = data or default_folder()
    opened = Store(folder, database or None, files or None, make=make)
    with contextlib.closing(opened) as store, failures_told():
        yield store
