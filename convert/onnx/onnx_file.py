"""Makes ONNX files of Keras models: tf2onnx exports, onnxsim simplifies, onnx.checker checks."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import onnx

if TYPE_CHECKING:
    import keras
    import onnxruntime

OPSET: Final = 18
"""The operator set of ONNX 1.13, which ONNX Runtime since 1.14, TensorRT since 8.6 and OpenVINO
read."""

IR_VERSION: Final = 8
"""The file format that came with OPSET, whatever the installed onnx would write."""

BATCH: Final = 16
NAMES: Final = ("LOGITS", "CAM")

Answers = dict[str, npt.NDArray[np.float32]]


class OnnxError(ValueError):
    """The file is no ONNX model of a voter, or could not be made one."""


def export(model: keras.Model, master_hash: str) -> onnx.ModelProto:
    """Return a master as an ONNX model with a free batch size.

    It maps PIXELS uint8 ["batch", side, side, 3] to LOGITS ["batch", 4] and CAM ["batch", h, w, 4].

    Args:
        model: a master, see ``convert.master.load``.
        master_hash: its sha256, stored in the model's metadata.

    Raises:
        OnnxError: what came out is not valid, or was changed by simplifying it.
    """
    import keras

    side = model.inputs[0].shape[1:]
    taken = keras.InputSpec(shape=(None, *side), dtype="uint8", name="PIXELS")
    return tidied(simplified(model, taken), master_hash)


def simplified(model: keras.Model, taken: keras.InputSpec) -> onnx.ModelProto:
    """Return a Keras model that takes one tensor as an ONNX model, simplified.

    Raises:
        OnnxError: it was changed by simplifying it.
    """
    import onnxsim

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of Keras's bridge to tf2onnx
            model.export(
                path, format="onnx", opset_version=OPSET, input_signature=[taken], verbose=False
            )
        raw: onnx.ModelProto = onnx.load(path)
    simple: onnx.ModelProto
    simple, same = onnxsim.simplify(raw)
    if not same:
        raise OnnxError(f"onnxsim changed the answers of {model.name}; nothing was written")
    return simple


def tidied(model: onnx.ModelProto, master_hash: str) -> onnx.ModelProto:
    """Return the model with a named batch, one opset and the order LOGITS, CAM.

    The master's hash is put into its metadata.

    Raises:
        OnnxError: other tensors than PIXELS, LOGITS and CAM, or invalid.
    """
    graph = model.graph
    outputs = {value.name: value for value in graph.output}
    if [value.name for value in graph.input] != ["PIXELS"] or set(outputs) != set(NAMES):
        tensors = [value.name for value in (*graph.input, *graph.output)]
        raise OnnxError(f"the exported model has the tensors {tensors}, not PIXELS, LOGITS, CAM")
    ordered = [outputs[name] for name in NAMES]
    del graph.output[:]
    graph.output.extend(ordered)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]  # their batch has other names, and every reader infers them anew
    return finished(model, master_hash)


def finished(model: onnx.ModelProto, master_hash: str) -> onnx.ModelProto:
    """Return the model with one opset and its master's hash, checked.

    Raises:
        OnnxError: it is not valid.
    """
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "allclient", ""
    del model.metadata_props[:]
    model.metadata_props.add(key="master_sha256", value=master_hash)
    check(model)
    return model


def check(model: onnx.ModelProto) -> None:
    """Check a model with onnx.checker, its shapes included.

    Raises:
        OnnxError: the checker finds a fault.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise OnnxError(f"onnx.checker refuses the model: {error}") from error


def save(model: onnx.ModelProto, folder: Path) -> Path:
    """Write ``model.onnx`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def load(path: Path, command: str) -> onnx.ModelProto:
    """Read and check a file.

    Args:
        command: makes the file anew; stands in the error.

    Raises:
        OnnxError: not there, not readable, not valid, or not the model of a voter.
    """
    if not path.is_file():
        raise OnnxError(f"{path} is missing; make it: {command}")
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf raises its own DecodeError, of no common base
        raise OnnxError(f"{path} is no ONNX file ({error}); make it anew: {command}") from error
    check(model)
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    if names != ["PIXELS", *NAMES]:
        raise OnnxError(f"{path} has the tensors {names}, expected PIXELS, LOGITS, CAM: {command}")
    return model


def session(
    model: onnx.ModelProto | Path, providers: list[Any] | None = None
) -> onnxruntime.InferenceSession:
    """Return a session of ONNX Runtime, on the CPU unless told otherwise."""
    import onnxruntime

    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        source, options, providers=providers or ["CPUExecutionProvider"]
    )


def run(ready: onnxruntime.InferenceSession, pixels: npt.NDArray[np.uint8]) -> Answers:
    """Return LOGITS [n, 4] and CAM [n, h, w, 4], float32, of pixels uint8 [n, side, side, 3]."""
    names = [output.name for output in ready.get_outputs()]
    parts = [
        ready.run(names, {"PIXELS": pixels[start : start + BATCH]})
        for start in range(0, len(pixels), BATCH)
    ]
    return {
        name: np.concatenate([part[place] for part in parts]).astype(np.float32)
        for place, name in enumerate(names)
    }
