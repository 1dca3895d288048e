"""Defines the command ``python -m convert repository``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.repository.flavours import FLAVOURS
from toolkit.commands import FILE, NEW_FOLDER, clear_errors


@click.command()
@click.option(
    "--flavour",
    "names",
    type=click.Choice(tuple(FLAVOURS)),
    multiple=True,
    required=True,
    help="What the repository is to serve; may be given several times.",
)
@click.option(
    "--out", type=NEW_FOLDER, required=True, help="Folder to write, new or written before."
)
@click.option(
    "--artifacts",
    type=NEW_FOLDER,
    help="Folder of <backbone>/<artifact>/.  [default: build/convert; for the flavour default the "
    "checkout's model_repository]",
)
@click.option(
    "--masters", type=NEW_FOLDER, help="Folder of <backbone>.keras.  [default: the checkout's]"
)
@click.option("--policy", type=FILE, help="Review policy of the vote.  [default: the checkout's]")
@click.option("--check", is_flag=True, help="Load it in the embedded server, as far as it can.")
def repository(
    names: tuple[str, ...],
    out: Path,
    artifacts: Path | None,
    masters: Path | None,
    policy: Path | None,
    check: bool,
) -> None:
    """Write a complete model repository for the flavours given.

    \b
    Example:
      python -m convert savedmodel --all
      python -m convert repository --flavour savedmodel --out models --check
      allclient serve --model-repository models --flavour savedmodel
    """
    from allclient.errors import AllclientError
    from convert.repository import writer as repositories

    chosen = [FLAVOURS[name] for name in dict.fromkeys(names)]
    with clear_errors():
        repositories.write(
            out, chosen, artifacts, masters=masters or repositories.MASTERS, policy=policy
        )
    click.echo(f"{out} written for {', '.join(flavour.name for flavour in chosen)}")
    if check:
        for flavour in chosen:
            try:
                click.echo(repositories.check(out, flavour))
            except AllclientError as error:
                raise click.ClickException(f"{flavour.name}: {error}") from error
