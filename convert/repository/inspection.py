"""Looks into the artifacts of the flavours before anything serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from allclient.contract import MODELS, Backbone, Tensor
from convert.artifacts import ArtifactError
from convert.repository.flavours import Flavour


class Found(NamedTuple):
    """The inputs and outputs of a model file.

    Each maps a name to a KServe datatype and a shape without the batch. A dimension that the file
    leaves open is -1.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


_DATATYPES = {"u8": "UINT8", "f32": "FP32", "f16": "FP16", "i64": "INT64", "i32": "INT32"}


def inspect(path: Path) -> Found:
    """Return the inputs and outputs of an OpenVINO IR, a SavedModel or an ONNX file.

    Raises:
        ArtifactError: it cannot be read, or its batch is fixed.
    """
    import openvino as ov

    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        last = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
        raise ArtifactError(f"it cannot be read: {last}") from error
    return Found(_tensors(model.inputs), _tensors(model.outputs))


def cam_side(path: Path) -> tuple[int, int]:
    """Return the height and width of the CAM that a model file gives."""
    cam = inspect(path).outputs.get("CAM")
    if cam is None or len(cam.shape) != 3 or min(cam.shape) < 1:
        raise ArtifactError(f"{path} has no output CAM of a fixed height and width")
    return cam.shape[0], cam.shape[1]


def verify(flavour: Flavour, backbone: Backbone, files: dict[str, Path]) -> None:
    """Hold one voter's artifact against the contract.

    Args:
        files: where each of ``flavour.files`` lies.

    Raises:
        ArtifactError: it differs. The message names the file, what was found, what was expected
            and the command that mends it.
    """
    for path in files.values():
        if not path.exists():
            raise _error(flavour, path, "nothing there", f"the {_kind(flavour)}")
    path = files[flavour.artifact]
    if path.is_dir() != (flavour.artifact == "model.saved_model"):
        kind = "a folder" if path.is_dir() else "a file"
        raise _error(flavour, path, kind, f"the {_kind(flavour)}")
    if flavour.backend == "tensorrt":
        return  # a plan is opaque to all but the TensorRT that wrote it
    try:
        tensors = inspect(path)
    except ArtifactError as error:
        raise _error(flavour, path, str(error), f"the {_kind(flavour)}") from error
    contract = MODELS[backbone.value]
    _compare(flavour, path, "inputs", tensors.inputs, contract.inputs)
    _compare(flavour, path, "outputs", tensors.outputs, contract.outputs)


def _compare(
    flavour: Flavour,
    path: Path,
    role: str,
    tensors: dict[str, Tensor],
    expected: dict[str, Tensor],
) -> None:
    if tensors != expected:
        raise _error(
            flavour,
            path,
            f"the {role} {_said(tensors)}",
            f"{_said(expected)} as in contract.py",
        )


def _error(flavour: Flavour, path: Path, actual: str, expected: str) -> ArtifactError:
    return ArtifactError(f"{path}: found {actual}, expected {expected}; mend it: {flavour.makes}")


def _kind(flavour: Flavour) -> str:
    return {
        "model.xml": "OpenVINO IR, model.xml and model.bin",
        "model.saved_model": "folder of a TensorFlow SavedModel",
        "model.onnx": "ONNX file",
        "model.plan": "TensorRT plan built on this machine",
    }[flavour.artifact]


def _said(tensors: dict[str, Tensor]) -> str:
    return ", ".join(
        f"{name} {tensor.datatype} [n, {', '.join(map(str, tensor.shape))}]"
        for name, tensor in sorted(tensors.items())
    )


def _tensors(ports: list[Any]) -> dict[str, Tensor]:
    tensors = {}
    for port in ports:
        name = ", ".join(sorted(port.get_names())) or "(without a name)"
        kind = port.get_element_type().get_type_name()
        batch, *shape = port.get_partial_shape()
        if batch.is_static:
            raise ArtifactError(f"its {name} has a fixed batch of {batch}")
        tensors[name] = Tensor(
            _DATATYPES.get(kind, kind),
            tuple(dim.get_length() if dim.is_static else -1 for dim in shape),
        )
    return tensors
