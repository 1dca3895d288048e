"""``python -m convert openvino``."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from convert.cli._shared import FOLDER, MASTER, clear_errors

LOWEST_AGREEMENT = 0.99
"""Share of validation images on which INT8 must give the class that Keras gives."""

FLOAT_LAYERS = (0, 1, 3, 5)
"""Leading convolutions kept in floating point, tried until the agreement is reached."""


@click.command()
@click.argument("master", type=MASTER)
@click.option("--data", type=FOLDER, required=True, help="Image folder with its split.csv.")
@click.option("--out", type=FOLDER, required=True, help="Folder for model.xml and model.bin.")
@click.option("--images", default=300, show_default=True, help="Training images for the ranges.")
@click.option(
    "--precision",
    type=click.Choice(("int8", "fp16")),
    default="int8",
    show_default=True,
    help="FP16 is also what is written where INT8 does not give the answers that Keras gives.",
)
def openvino(master: Path, data: Path, out: Path, images: int, precision: str) -> None:
    """Write MASTER as OpenVINO IR, checked against Keras on the validation part.

    \b
    Example:
      python -m convert openvino training/masters/mobilenet.keras --data all-smears \\
        --out model_repository/mobilenet/1
    """
    from convert import images as source
    from convert import master as masters
    from convert import openvino_ir as ir

    with clear_errors():
        net = masters.load(master)
        val = source.decode(source.paths(data, "val"))
        seen = source.decode(source.paths(data, "train", images))
        with tempfile.TemporaryDirectory() as scratch:
            masters.export(net, Path(scratch))
            graph = ir.read(Path(scratch), val.shape[1])
        expected = _keras_logits(net, val)
        found = None
        if precision == "int8":
            found = _quantised(ir, graph, seen, val, expected)
        if found is None:
            found = _Converted(graph, "FP16 weights, computed in FP32", ir.predictor(graph)(val))
        agreement = found.agreement(expected)
        if agreement < LOWEST_AGREEMENT:
            raise click.ClickException(
                f"even in FP16 {master.name} gives the class that Keras gives on only "
                f"{agreement:.1%} of the validation images; nothing was written"
            )
        ir.save(found.model, out)
        _write_record(
            out / "metadata.json",
            {
                "master": masters.record(master),
                "precision": found.precision,
                "agreement_with_keras_on_val": agreement,
                "largest_logit_difference_on_val": float(abs(found.logits - expected).max()),
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": {name: version(name) for name in ("openvino", "nncf", "keras")},
            },
        )
    click.echo(f"{out / 'model.xml'} written; same class as Keras on {agreement:.2%} of val")


@dataclass(frozen=True)
class _Converted:
    model: Any
    precision: str
    logits: Any
    """On the validation images, float32 [n, 4]."""

    def agreement(self, expected: Any) -> float:
        """Share of images with the class that Keras gives."""
        return float((self.logits.argmax(1) == expected.argmax(1)).mean())


def _quantised(ir: Any, graph: Any, seen: Any, val: Any, expected: Any) -> _Converted | None:
    """INT8 with as few layers in floating point as the agreement allows; None if none is enough."""
    for float_layers in FLOAT_LAYERS:
        model = ir.quantise(graph, seen, float_layers=float_layers)
        precision = (
            f"INT8, NNCF post-training on {len(seen)} training images, preset mixed; head and "
            f"first {float_layers} convolutions in floating point"
        )
        found = _Converted(model, precision, ir.predictor(model)(val))
        agreement = found.agreement(expected)
        click.echo(f"{float_layers} layers in floating point: same class on {agreement:.2%}")
        if agreement >= LOWEST_AGREEMENT:
            return found
    click.echo(f"INT8 does not reach {LOWEST_AGREEMENT:.0%}; FP16 is written instead")
    return None


def _keras_logits(net, pixels):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.concatenate(
        [net.predict_on_batch(pixels[i : i + 16])["LOGITS"] for i in range(0, len(pixels), 16)]
    )


def _write_record(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
