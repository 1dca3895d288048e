"""Defines the command ``python -m convert tensorrt``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._options import BUILD, Master, masters_options
from toolkit.commands import NEW_FOLDER, clear_errors


@click.command()
@masters_options
@click.option(
    "--from",
    "built",
    type=NEW_FOLDER,
    default=BUILD,
    show_default=True,
    help="Folder of <backbone>/onnx_<precision>/.",
)
@click.option(
    "--into",
    type=NEW_FOLDER,
    default=BUILD,
    show_default=True,
    help="Folder of <backbone>/tensorrt/ and of the timing cache.",
)
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(("fp16", "int8")),
    multiple=True,
    default=("fp16",),
    show_default=True,
)
@click.option("--check", is_flag=True, help="Build nothing; say whether the engines fit here.")
def tensorrt(
    masters: list[Master], built: Path, into: Path, precisions: tuple[str, ...], check: bool
) -> None:
    """Build TensorRT engines of the ONNX models, on the GPU that will run them.

    An engine that fits this GPU, this TensorRT and this master is kept; another one is refused by
    --check and built anew without it.

    \b
    Examples:
      python -m convert onnx --all --precision fp16 --data all-smears
      python -m convert tensorrt --all
    """
    from convert.tensorrt import engine_build as build

    with clear_errors():
        machine = build.this_machine()
        click.echo(f"{machine.gpu}, TensorRT {machine.tensorrt}")
        for one in masters:
            for precision in precisions:
                summary = build.engine(*one, precision, built, into, machine, check=check)
                click.echo(summary)
