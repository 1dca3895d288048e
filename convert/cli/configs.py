"""Defines the command ``python -m convert configs``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.repository.flavours import DEFAULT, FLAVOURS
from toolkit.commands import NEW_FOLDER, clear_errors
from toolkit.served import MODEL_REPOSITORY


@click.command()
@click.option("--repository", type=NEW_FOLDER, default=MODEL_REPOSITORY, help="The repository.")
@click.option("--check", is_flag=True, help="Write nothing; fail where a file differs.")
def configs(repository: Path, check: bool) -> None:
    """Write the voters' configurations of every flavour.

    They come from convert/repository/flavours.py; heights and widths of the CAMs are read from the
    IR in the repository. vote/config.pbtxt and client/allclient/contract.py name the same sizes and
    are changed by hand; a test holds all of them together.
    """
    from allclient.contract import BACKBONES
    from convert.repository import flavours, inspection

    with clear_errors():
        sides = {
            backbone: inspection.cam_side(
                repository / backbone.value / "1" / FLAVOURS[DEFAULT].artifact
            )
            for backbone in BACKBONES
        }
        differ = [
            (path, text)
            for path, text in flavours.configs(sides, repository).items()
            if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
    if check and differ:
        raise click.ClickException(
            f"{', '.join(str(path) for path, _ in differ)} is not what "
            "convert/repository/flavours.py and the models say; mend it: python -m convert configs"
        )
    for path, text in differ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(f"{path} written")
    if not differ:
        click.echo("all configurations are as they should be")
