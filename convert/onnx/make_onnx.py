"""Makes an ONNX model of one master, with its record."""

from __future__ import annotations

from pathlib import Path

from convert import artifacts, limits, making
from convert import master as masters
from convert.images import Fields
from convert.making import Say
from convert.onnx import low_precision, onnx_file
from convert.quantise import search


def make(
    master: Path, folder: Path, precision: str, fit: Fields | None, judge: Fields | None, say: Say
) -> str:
    """Write an ONNX model in "fp32", "fp16" or "int8"; return a sentence for the user.

    FP16 and INT8 that do not answer as the master are written, and their record says so. Parity can
    then show how far they are, and nobody serves them.

    Raises:
        OnnxError, MasterError: it could not be made.
    """
    keras_model = masters.load(master)
    whole = onnx_file.export(keras_model, artifacts.sha256(master))
    if precision == "fp32":
        onnx_file.save(whole, folder)
        making.record(folder, "onnx", ["model.onnx"], master, "FP32", opset=onnx_file.OPSET)
        return f"FP32, opset {onnx_file.OPSET}, {len(whole.graph.node)} nodes"
    assert fit is not None, "the command reads the images that these need"
    assert judge is not None, "the command reads the images that these need"
    wanted, expected = (
        making.logits(keras_model, master, fit),
        making.logits(keras_model, master, judge),
    )
    floating: tuple[str, ...] = ()
    if precision == "fp16":
        model = low_precision.half_refitted(whole, fit.pixels, wanted)
        answers = onnx_file.run(onnx_file.session(model), judge.pixels)["LOGITS"]
        distance = limits.of_logits(answers, expected, judge.classes, judge.margin)
        text = "FP16; input scaling and head in FP32"
    else:
        backend = low_precision.Quantiser(whole, search.evenly(fit.pixels, search.RANGES))
        best = search.search(
            backend,
            (fit.pixels, wanted),
            (judge.pixels, expected, judge.classes),
            say,
            judge.margin,
            low_precision.TOLERANCE_INT8,
        )
        model, distance, text, floating = (
            best.model,
            best.distance,
            making.int8(best),
            best.floating,
        )
    held_back = distance.misses(
        making.half(judge) if precision == "fp16" else search.enough(None, judge.margin)
    )
    onnx_file.save(model, folder)
    making.record(
        folder,
        f"onnx_{precision}",
        ["model.onnx"],
        master,
        text,
        opset=onnx_file.OPSET,
        floating_layers=list(floating),
        **making.judged(fit, judge, distance, held_back),
    )
    return making.told(text, distance, held_back)
