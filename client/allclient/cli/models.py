"""Defines ``allclient models``: the releases in a folder, and which of them is served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allclient.cli import codes
from allclient.cli.followers import Followers, change_release
from allclient.cli.options import connection_options

if TYPE_CHECKING:
    from allclient.local.releases import Releases

RELEASES_VARIABLE: Final = "ALLCLIENT_RELEASES"

releases_option = click.option(
    "--releases",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=RELEASES_VARIABLE,
    show_envvar=True,
    required=True,
    metavar="DIR",
    help="The folder of releases, the one that allclient serve --releases follows.",
)
_server_option = click.option(
    "--server",
    metavar="HOST:PORT,...",
    help="Return when each of these servers serves it; if one does not, the release before is "
    "active again. A name with several addresses counts as one server.",
)
_wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the servers may take.",
)


@click.group(
    short_help="Change the models of a running server.",
    epilog=f"""\b
Examples:
  allclient models add build/release/models --releases releases
  allclient models activate 3f2a9c --releases releases
  allclient serve --releases releases
  allclient models rollback --releases releases --server 127.0.0.1:8001
  allclient models rollback --releases releases --server lab.example:8001 \
    --tls-ca ca.pem --tls-cert client.pem --tls-key client.key

{codes.OTHERS}
""",
)
def models() -> None:
    """Keep releases in a folder and change the one that is served, without a stop.

    A release is a model repository, as make models and python -m convert repository write it. Its
    name is made of its content, and every answer carries it.
    """


@models.command("list", short_help="List the releases in a folder.")
@releases_option
def list_(folder: Path) -> None:
    """List the releases, the newest first: * is active, - was active before."""
    releases = _open(folder).all()
    if not releases:
        click.echo(f"{folder} has no release: allclient models add puts one there", err=True)
    for one in releases:
        mark = "*" if one.active else "-" if one.previous else " "
        click.echo(f"{mark} {one.name}  added {one.added:%Y-%m-%d %H:%M} UTC")


@models.command(
    short_help="Check a model repository and add it.",
    epilog=f"""\b
Example:
  allclient models add build/release/models --releases releases

It is not served before allclient models activate. Exit codes: 0 when it was
added, 2 when it is no whole release, 3 when it does not load or does not answer
as where it was made.
{codes.OTHERS}
""",
)
@click.argument("repository", type=click.Path(path_type=Path, file_okay=False))
@releases_option
def add(repository: Path, folder: Path) -> None:
    """Check the release in REPOSITORY, copy it into the folder and print its name.

    Checked are its files against their records, whether the conversion found its backbones as good
    as their masters, and, in a private server on this machine, its answers to the fields that its
    maker put beside it.
    """
    name, count = _open(folder).add(repository)
    click.echo(f"{count} golden answers are the same here", err=True)
    click.echo(name)


@models.command(
    short_help="Have a release served.",
    epilog=f"""\b
Examples:
  allclient models activate 3f2a9c --releases releases
  allclient models activate 3f2a9c --releases releases --server 127.0.0.1:8001
  allclient models activate 3f2a9c --releases releases --server lab-1:8001,lab-2:8001

Exit codes: 0 when it is active (with --server: served by each), 2 when there is
no such release, 3 when a server does not serve it; then the one before is active.
{codes.OTHERS}
""",
)
@click.argument("name")
@releases_option
@_server_option
@_wait_option
@connection_options
def activate(name: str, folder: Path, server: str | None, wait: float, **connection: Any) -> None:
    """Make the release whose name begins with NAME the one that is served.

    Servers that follow the folder (allclient serve --releases) load it beside the old one and
    change over, while they answer; no request fails.
    """
    followers = Followers.of(server, wait, connection)
    releases = _open(folder)
    change_release(releases, lambda: releases.activate(name), followers)


@models.command(short_help="Have the release before served again.")
@releases_option
@_server_option
@_wait_option
@connection_options
def rollback(folder: Path, server: str | None, wait: float, **connection: Any) -> None:
    """Make the release active that was so before; a second time takes that back."""
    followers = Followers.of(server, wait, connection)
    releases = _open(folder)
    change_release(releases, releases.rollback, followers)


def _open(folder: Path) -> Releases:
    from allclient.local.releases import Releases

    return Releases(folder)
