"""Defines the command ``python -m convert openvino``."""

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


@click.command()
@masters_options
@places
@data_option
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(("int8", "fp32", "fp16", "bf16")),
    multiple=True,
    default=("int8",),
    show_default=True,
    help="Where INT8 does not give the answers that Keras gives, FP32 is written and said.",
)
@click.option("--images", default=1200, show_default=True, help="Training images to fit on.")
@click.option(
    "--within",
    type=click.FloatRange(0, 1),
    help="Mean difference of a probability that INT8 may have from Keras.  [default: 0.003, at "
    "most 0.004 where that cannot be reached]",
)
@click.option(
    "--install", is_flag=True, help="Write into model_repository/<backbone>/1, which is served."
)
def openvino(
    masters: list[Master],
    out: Path | None,
    into: Path,
    data: Path | None,
    precisions: tuple[str, ...],
    images: int,
    within: float | None,
    install: bool,
) -> None:
    """Write OpenVINO IR, checked against Keras on the validation part.

    INT8 ranges and heads come from training images alone. Layers that lose too much stay in
    floating point, as few as it takes.

    \b
    Examples:
      python -m convert openvino --all --data all-smears
      python -m convert openvino training/masters/mobilenet.keras --data all-smears \\
        --precision fp32 --out model_repository/mobilenet/1
    """
    from toolkit import served

    if install and (
        out is not None or len(precisions) != 1 or not {"int8", "fp32"} & set(precisions)
    ):
        raise click.UsageError("--install takes one --precision, int8 or fp32, and no --out")
    if out is not None and len(precisions) != 1:
        raise click.UsageError("--out is the folder of one artifact; give one --precision")
    if install and data is None and "int8" in precisions:
        raise click.UsageError(
            "--install needs --data: ranges from drawn fields are not for serving; "
            "python -m convert openvino --install --data FOLDER takes them from training images"
        )
    with clear_errors():
        from convert import making
        from convert.openvino import make_openvino

        tell_drawn(data, "ranges, heads and checks come")
        fit, judge = making.divide(read(data, "train", images), read(data, "val"))
        for one in masters:
            for precision in precisions:
                folder = place(out, into, masters, one, f"openvino_{precision}")
                if install:
                    folder = served.MODEL_REPOSITORY / one.backbone / "1"
                summary = make_openvino.make(
                    one.path, folder, precision, fit, judge, click.echo, within
                )
                click.echo(f"{folder / 'model.xml'} written: {summary}")
