"""Makes one artifact of one master, with its record: the steps that every command is made of."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from convert import artifacts, limits
from convert import master as masters
from convert.images import Fields
from convert.quantise import search

if TYPE_CHECKING:
    import openvino as ov

Say = Callable[[str], None]

TOOLS: Final = (
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "openvino",
    "nncf",
    "onnx",
    "onnxruntime",
    "onnxsim",
    "tf2onnx",
)

NOT_SERVED: Final = {
    "fp16": "computed in FP16 where the CPU can, under the hint f32 too; FP32 is served instead",
    "bf16": "no model configuration asks for BF16; they all ask for f32",
}
"""OpenVINO in half precision is made to be measured."""

IR_FILES: Final = ("model.xml", "model.bin")


class ConversionError(ValueError):
    """What came out does not answer as its master does; nothing was written."""


def divide(train: Fields, val: Fields) -> tuple[Fields, Fields]:
    """Images to fit on, and images to judge on: validation and every fifth training image.

    A head has up to 1,536 weights a class, so those to fit on are mirrored: on drawn fields, unlike
    any of them, InceptionV3's INT8 is then 0.007 off on average instead of 0.038.
    """
    fit, held = search.split(train)
    return fit.mirrored(), Fields(
        np.concatenate([val.pixels, held.pixels]),
        np.concatenate([val.quality, held.quality]),
        np.concatenate([val.classes, held.classes]),
        "val and a fifth of train",
        val.source,
    )


def savedmodel(master: Path, folder: Path) -> None:
    """A SavedModel; an older one in ``folder`` is replaced whole.

    Raises:
        MasterError: see ``convert.master.load``.
        ConversionError: ``folder`` holds something else.
    """
    net = masters.load(master)
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "saved_model.pb").is_file():
            raise ConversionError(
                f"{folder} is not empty and holds no SavedModel; nothing was written: "
                "name another folder with --out"
            )
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    masters.export(net, folder)
    names = sorted(path.name for path in folder.iterdir())
    _record(folder, "savedmodel", names, master, "FP32")


def onnx(
    master: Path, folder: Path, precision: str, fit: Fields | None, judge: Fields | None, say: Say
) -> str:
    """An ONNX model in "fp32", "fp16" or "int8"; what it says is for the user.

    Raises:
        OnnxError, MasterError: it could not be made.

    FP16 and INT8 that do not answer as the master are written, and their record says so: parity can
    then show how far they are, and nobody serves them.
    """
    from convert.onnx import low_precision, onnx_file

    net = masters.load(master)
    whole = onnx_file.export(net, artifacts.sha256(master))
    if precision == "fp32":
        onnx_file.save(whole, folder)
        _record(folder, "onnx", ["model.onnx"], master, "FP32", opset=onnx_file.OPSET)
        return f"FP32, opset {onnx_file.OPSET}, {len(whole.graph.node)} nodes"
    assert fit is not None, "the command reads the images that these need"
    assert judge is not None, "the command reads the images that these need"
    wanted, expected = _logits(net, master, fit), _logits(net, master, judge)
    floating: tuple[str, ...] = ()
    if precision == "fp16":
        model = low_precision.half_refitted(whole, fit.pixels, wanted)
        answers = onnx_file.run(onnx_file.session(model), judge.pixels)["LOGITS"]
        found = limits.of_logits(answers, expected, judge.classes, judge.margin)
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
        model, found, text, floating = best.model, best.distance, _int8(best), best.floating
    held_back = found.misses(
        _half(judge) if precision == "fp16" else search.enough(None, judge.margin)
    )
    onnx_file.save(model, folder)
    _record(
        folder,
        f"onnx_{precision}",
        ["model.onnx"],
        master,
        text,
        opset=onnx_file.OPSET,
        floating_layers=list(floating),
        **_judged(fit, judge, found, held_back),
    )
    return _said(text, found, held_back)


def openvino(
    master: Path,
    folder: Path,
    precision: str,
    fit: Fields,
    judge: Fields,
    say: Say,
    within: float | None = None,
) -> str:
    """OpenVINO IR in "fp32", "int8" (FP32 where that is not enough), "fp16" or "bf16".

    Judged as it lies on disk: of an IR with FP16 weights OpenVINO computes in FP16 on a CPU that
    can, whatever the hint, and a graph in memory has no FP16 weights.

    Raises:
        MasterError: see ``convert.master.load``.
        ConversionError: not even in FP32 does it answer as the master. FP16 and BF16 that do not
            are written and their record says so, as for ``onnx``.
    """
    from convert.openvino import openvino_ir as ir

    net = masters.load(master)
    with tempfile.TemporaryDirectory() as scratch:
        masters.export(net, Path(scratch))
        graph = ir.read(Path(scratch), net.inputs[0].shape[1])
    wanted, expected = _logits(net, master, fit), _logits(net, master, judge)
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
        found = limits.of_logits(answers, expected, judge.classes, judge.margin)
        more["computed_in"] = ir.computed_in(ready)
        held_back = []
        if precision in ("fp16", "bf16"):
            held_back = [NOT_SERVED[precision], *found.misses(_half(judge))]
        else:
            _refuse(found, limits.INT8 if "INT8" in text else limits.EXACT, master, text)
        folder.mkdir(parents=True, exist_ok=True)
        for name in IR_FILES:
            shutil.copyfile(Path(scratch) / name, folder / name)
    _record(
        folder,
        f"openvino_{precision}",
        list(IR_FILES),
        master,
        text,
        **more,
        **_judged(fit, judge, found, held_back),
    )
    return _said(text, found, held_back)


Known = tuple[Fields, npt.NDArray[np.float32]]
"""Fields, and the master's logits for them."""


def _quantised(
    graph: ov.Model, fit: Known, judge: Known, say: Say, within: float | None
) -> tuple[ov.Model, str, dict[str, Any]]:
    from convert.openvino import openvino_ir as ir

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
    return best.model, _int8(best), {"floating_layers": list(best.floating)}


def _for_bf16(
    graph: ov.Model, fit: Fields, wanted: npt.NDArray[np.float32], say: Say
) -> tuple[ov.Model, str]:
    from convert.openvino import openvino_head
    from convert.quantise import refit

    text = "BF16; only with INFERENCE_PRECISION_HINT bf16"
    try:
        features = openvino_head.features(graph, fit.pixels, "bf16")
        new = refit.solve(features, wanted, openvino_head.head(graph))
    except refit.HeadError as error:
        say(f"the head stays as it is: {error}")
        return graph, text
    return openvino_head.with_head(graph, new), text + ", head fitted to it"


def _early(model: ov.Model, say: Say) -> ov.Model:
    from convert.openvino import openvino_head
    from convert.quantise import refit

    try:
        return openvino_head.early(model)
    except refit.HeadError as error:
        say(f"the head stays where it is: {error}")
        return model


def _int8(found: search.Found) -> str:
    floating = len(found.floating)
    kept = f" and {floating} of {found.layers} convolutions" if floating else ""
    return f"INT8; head{kept} in floating point" + (", head fitted anew" if found.refitted else "")


def _logits(net: Any, master: Path, fields: Fields) -> npt.NDArray[np.float32]:
    key = (artifacts.sha256(master), hashlib.sha256(fields.pixels.data).hexdigest())
    if key not in _KNOWN:
        _KNOWN[key] = masters.answers(net, fields.pixels)["LOGITS"]
    return _KNOWN[key]


_KNOWN: dict[tuple[str, str], npt.NDArray[np.float32]] = {}
"""One command makes several artifacts of one master and asks Keras once about the same images."""


def _refuse(found: limits.Distance, limit: limits.Limit, master: Path, what: str) -> None:
    if missed := found.misses(limit):
        raise ConversionError(
            f"{what} of {master.name} does not answer as Keras on {found.images} images: "
            f"{'; '.join(missed)}; nothing was written"
        )


def _half(judge: Fields) -> limits.Limit:
    """Nearer than parity asks for, as in ``search``: it judges other images."""
    mean = search.enough(None, judge.margin).mean_abs
    return limits.HALF._replace(mean_abs=mean)


def _said(text: str, found: limits.Distance, held_back: list[str]) -> str:
    warning = f"; NOT FOR SERVING: {'; '.join(held_back)}" if held_back else ""
    return f"{text}; same class as Keras on {found.equal_argmax:.2%}{warning}"


def _judged(
    fit: Fields, judge: Fields, found: limits.Distance, held_back: list[str]
) -> dict[str, Any]:
    return {
        "calibration_images": fit.record(),
        "judged_on": judge.record(),
        "distance_from_keras": found.record(),
        "for_serving": not fit.drawn and not held_back,
        "held_back": held_back,
    }


def _record(
    folder: Path, kind: str, files: list[str], master: Path, precision: str, **more: Any
) -> None:
    about = masters.record(master)
    versions = artifacts.versions(*TOOLS)
    artifacts.write(folder, kind, files, about, precision=precision, versions=versions, **more)
