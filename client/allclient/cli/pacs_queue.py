"""Defines ``allclient pacs queue``: what a gateway has still to do, and what it could not do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from allclient.errors import ConfigurationError
from allclient.needed import needing

if TYPE_CHECKING:
    from allclient.pacs.inbox import Inbox

CONFIG: Final = click.argument("config", metavar="CONFIG", type=click.Path(path_type=Path))
"""The gateway's configuration file."""


@click.group(
    short_help="See what is queued, and try dead letters again.",
    epilog="""\b
Examples:
  allclient pacs queue list pacs.toml
  allclient pacs queue show pacs.toml 3f2a
  allclient pacs queue retry pacs.toml
""",
)
def queue() -> None:
    """Look into the queue of a gateway, also while it runs.

    Objects are named by keys that say nothing of the patient.
    """


@queue.command(
    "list",
    epilog="""\b
Examples:
  allclient pacs queue list pacs.toml
  allclient pacs queue list pacs.toml --all
""",
)
@CONFIG
@click.option("--all", "everything", is_flag=True, help="List all, not only what is stuck.")
def list_(config: Path, everything: bool) -> None:
    """Count what is in each state, and list what is stuck: dead letters and refused objects."""
    with opened(config) as inbox:
        from allclient.pacs.letters import counts, letters

        counted = counts(inbox.database)
        if not counted:
            click.echo("the queue is empty: nothing has come yet", err=True)
        for (kind, state), number in counted.items():
            click.echo(f"{number:>8} {kind} {state}")
        for letter in letters(inbox.database, everything=everything):
            click.echo(
                f"{letter.key[:12]}  {letter.kind:<6}  {letter.state:<8}  {letter.age:>6}  "
                f"{letter.who}  {letter.reason}"
            )


@queue.command(
    epilog="""\b
Examples:
  allclient pacs queue show pacs.toml 3f2a
"""
)
@CONFIG
@click.argument("key")
def show(config: Path, key: str) -> None:
    """Show all that is known of the work whose key begins with KEY."""
    with opened(config) as inbox:
        from allclient.pacs.letters import letters

        found = [
            letter
            for letter in letters(inbox.database, everything=True)
            if letter.key.startswith(key)
        ]
        if not found:
            raise ConfigurationError(f"nothing in the queue has a key that begins with {key!r}")
        for letter in found:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(letter.at))
            click.echo(
                f"{letter.key}\n  kind    {letter.kind} {letter.who}\n  state   {letter.state}\n"
                f"  since   {when}\n  tries   {letter.tries}\n  reason  {letter.reason or '-'}"
            )


@queue.command(
    epilog="""\b
Examples:
  allclient pacs queue retry pacs.toml
  allclient pacs queue retry pacs.toml 3f2a 77c0
"""
)
@CONFIG
@click.argument("keys", nargs=-1)
def retry(config: Path, keys: tuple[str, ...]) -> None:
    """Put what is stuck back into the queue: all of it, or what begins with a KEY."""
    with opened(config) as inbox:
        from allclient.pacs.letters import retry as again

        click.echo(f"{again(inbox.database, keys)} put back")


@contextlib.contextmanager
def opened(config: Path) -> Iterator[Inbox]:
    """Open the queue of a gateway, and close it at the end."""
    with needing("allclient pacs", "pacs"):
        from allclient.pacs import config as configuration
        from allclient.pacs.inbox import Inbox

    inbox = Inbox(configuration.load(config).node.folder)
    try:
        yield inbox
    finally:
        inbox.close()
