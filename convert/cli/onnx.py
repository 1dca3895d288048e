"""Defines the command ``python -m convert onnx``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._options import (
    Master,
    data_option,
    masters_options,
    place,
    places,
    read,
    tell_drawn,
)
from toolkit.commands import clear_errors

PRECISIONS = {"fp32": "onnx", "fp16": "onnx_fp16", "int8": "onnx_int8"}
"""The folder of each precision."""


@click.command()
@masters_options
@places
@data_option
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(tuple(PRECISIONS)),
    multiple=True,
    default=("fp32",),
    show_default=True,
    help="fp16 and int8 (explicit Q/DQ nodes) are what TensorRT builds engines of.",
)
@click.option("--images", default=1200, show_default=True, help="Training images to fit on.")
def onnx(
    masters: list[Master],
    out: Path | None,
    into: Path,
    data: Path | None,
    precisions: tuple[str, ...],
    images: int,
) -> None:
    """Write ONNX models: opset 18, free batch size, tensors PIXELS, LOGITS and CAM.

    \b
    Example:
      python -m convert onnx --all --precision fp32 --precision fp16 --data all-smears
    """
    if out is not None and len(precisions) != 1:
        raise click.UsageError("--out is the folder of one artifact; give one --precision")
    with clear_errors():
        from convert import making
        from convert.onnx import make_onnx

        fit = judge = None
        if set(precisions) != {"fp32"}:
            tell_drawn(data, "ranges and heads come")
            fit, judge = making.divide(read(data, "train", images), read(data, "val"))
        for one in masters:
            for precision in precisions:
                folder = place(out, into, masters, one, PRECISIONS[precision])
                summary = make_onnx.make(one.path, folder, precision, fit, judge, click.echo)
                click.echo(f"{folder / 'model.onnx'} written: {summary}")
