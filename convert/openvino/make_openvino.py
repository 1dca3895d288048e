"""Makes OpenVINO IR of one master, with its record."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov

from convert import limits, making
from convert import master as masters
from convert.images import Fields
from convert.making import Known, Say
from convert.openvino import openvino_head
from convert.openvino import openvino_ir as ir
from convert.quantise import refit, search

NOT_SERVED: Final = {
    "fp16": "computed in FP16 where the CPU can, under the hint f32 too; FP32 is served instead",
    "bf16": "no model configuration asks for BF16; they all ask for f32",
}
"""OpenVINO in half precision is made to be measured."""

IR_FILES: Final = ("model.xml", "model.bin")


def make(
    master: Path,
    folder: Path,
    precision: str,
    fit: Fields,
    judge: Fields,
    say: Say,
    within: float | None = None,
) -> str:
    """Write OpenVINO IR in "fp32", "int8" (FP32 where that is not enough), "fp16" or "bf16".

    It is judged as it lies on disk. Of an IR with FP16 weights OpenVINO computes in FP16 on a CPU
    that can, whatever the hint, and a graph in memory has no FP16 weights.

    Raises:
        MasterError: see ``convert.master.load``.
        ConversionError: not even in FP32 does it answer as the master. FP16 and BF16 that do not
            are written and their record says so, as for ``onnx``.
    """
    keras_model = masters.load(master)
    with tempfile.TemporaryDirectory() as scratch:
        masters.export(keras_model, Path(scratch))
        graph = ir.read(Path(scratch), keras_model.inputs[0].shape[1])
    wanted, expected = (
        making.logits(keras_model, master, fit),
        making.logits(keras_model, master, judge),
    )
    model, text, more = graph, "FP32", dict[str, Any]()
    if precision == "int8":
        model, text, more = _quantised(graph, (fit, wanted), (judge, expected), say, within)
    elif precision == "bf16":
        model, text = _for_bf16(graph, fit, wanted, say)
    elif precision == "fp16":
        text = "FP16 weights, computed in FP16 where the CPU can"
    with tempfile.TemporaryDirectory() as scratch:
        ir.save(_early(model, say), Path(scratch), half=precision == "fp16")
        ready = ir.compiled(Path(scratch) / "model.xml", "bf16" if precision == "bf16" else "f32")
        answers = ir.run(ready, judge.pixels)["LOGITS"]
        distance = limits.of_logits(answers, expected, judge.classes, judge.margin)
        more["computed_in"] = ir.computed_in(ready)
        held_back = []
        if precision in ("fp16", "bf16"):
            held_back = [NOT_SERVED[precision], *distance.misses(making.half(judge))]
        else:
            making.refuse(distance, limits.INT8 if "INT8" in text else limits.EXACT, master, text)
        folder.mkdir(parents=True, exist_ok=True)
        for name in IR_FILES:
            shutil.copyfile(Path(scratch) / name, folder / name)
    making.record(
        folder,
        f"openvino_{precision}",
        list(IR_FILES),
        master,
        text,
        **more,
        **making.judged(fit, judge, distance, held_back),
    )
    return making.told(text, distance, held_back)


def _quantised(
    graph: ov.Model, fit: Known, judge: Known, say: Say, within: float | None
) -> tuple[ov.Model, str, dict[str, Any]]:
    best = search.search(
        ir.Quantiser(graph, search.evenly(fit[0].pixels, search.RANGES)),
        (fit[0].pixels, fit[1]),
        (judge[0].pixels, judge[1], judge[0].classes),
        say,
        judge[0].margin,
        within,
    )
    if missed := best.distance.misses(search.enough(within, judge[0].margin)):
        say(f"INT8 is not enough ({'; '.join(missed)}); FP32 is written instead")
        return graph, "FP32", {"int8_missed": missed}
    return best.model, making.int8(best), {"floating_layers": list(best.floating)}


def _for_bf16(
    graph: ov.Model, fit: Fields, wanted: npt.NDArray[np.float32], say: Say
) -> tuple[ov.Model, str]:
    text = "BF16; only with INFERENCE_PRECISION_HINT bf16"
    try:
        features = openvino_head.features(graph, fit.pixels, "bf16")
        new = refit.solve(features, wanted, openvino_head.head(graph))
    except refit.HeadError as error:
        say(f"the head stays as it is: {error}")
        return graph, text
    return openvino_head.with_head(graph, new), text + ", head fitted to it"


def _early(model: ov.Model, say: Say) -> ov.Model:
    try:
        return openvino_head.early(model)
    except refit.HeadError as error:
        say(f"the head stays where it is: {error}")
        return model
