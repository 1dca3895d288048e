"""Looks into the artifacts of the flavours before anything serves them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from allclient.contract import MODELS, Backbone, Tensor
from convert.flavours import Flavour


class ArtifactError(ValueError):
    """A file that is missing, wrong or of another model; the message says what mends it."""


class Found(NamedTuple):
    """Inputs and outputs of a model file: name to KServe datatype and shape without the batch.

    A dimension that the file leaves open is -1.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


_DATATYPES = {"u8": "UINT8", "f32": "FP32", "f16": "FP16", "i64": "INT64", "i32": "INT32"}


def inspect(path: Path) -> Found:
    """Inputs and outputs of an OpenVINO IR, a SavedModel or an ONNX file.

    Raises ArtifactError when it cannot be read, or its batch is fixed.
    """
    import openvino as ov

    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        last = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
        raise ArtifactError(f"it cannot be read: {last}") from error
    return Found(_tensors(model.inputs), _tensors(model.outputs))


def cam_side(path: Path) -> tuple[int, int]:
    """Height and width of the CAM that a model file gives."""
    cam = inspect(path).outputs.get("CAM")
    if cam is None or len(cam.shape) != 3 or min(cam.shape) < 1:
        raise ArtifactError(f"{path} has no output CAM of a fixed height and width")
    return cam.shape[0], cam.shape[1]


def verify(flavour: Flavour, backbone: Backbone, folder: Path, master: Path | None = None) -> None:
    """Hold one voter's artifact in ``folder`` against the contract, and against its master.

    Raises ArtifactError naming the file, what was found, what was expected and the command that
    mends it.
    """
    for name in flavour.files:
        if not (folder / name).exists():
            raise _error(flavour, folder / name, "nothing there", f"the {_kind(flavour)}")
    path = folder / flavour.artifact
    if path.is_dir() != (flavour.artifact == "model.saved_model"):
        found = "a folder" if path.is_dir() else "a file"
        raise _error(flavour, path, found, f"the {_kind(flavour)}")
    if flavour.backend != "tensorrt":  # a plan is opaque to all but the TensorRT that wrote it
        try:
            found = inspect(path)
        except ArtifactError as error:
            raise _error(flavour, path, str(error), f"the {_kind(flavour)}") from error
        contract = MODELS[backbone.value]
        _compare(flavour, path, "inputs", found.inputs, contract.inputs)
        _compare(flavour, path, "outputs", found.outputs, contract.outputs)
    elif path.stat().st_size == 0:
        raise _error(flavour, path, "an empty file", f"the {_kind(flavour)}")
    if master is not None and master.is_file():
        _check_origin(flavour, path, master)


def _compare(
    flavour: Flavour,
    path: Path,
    role: str,
    found: dict[str, Tensor],
    expected: dict[str, Tensor],
) -> None:
    if found != expected:
        raise _error(
            flavour,
            path,
            f"the {role} {_said(found)}",
            f"{_said(expected)} as in contract.py",
        )


def _check_origin(flavour: Flavour, path: Path, master: Path) -> None:
    """An artifact that names another master than the one there was made before it."""
    try:
        made_from = recorded_master(flavour, path)
    except ArtifactError as error:
        raise ArtifactError(f"{error}; mend it: {flavour.makes}") from error
    if made_from is None:
        return
    expected = hashlib.sha256(master.read_bytes()).hexdigest()
    if made_from != expected:
        raise _error(
            flavour,
            path,
            f"made from a master with SHA-256 {made_from[:12]}",
            f"{expected[:12]}, that of {master}",
        )


def recorded_master(flavour: Flavour, path: Path) -> str | None:
    """SHA-256 of the master that the record beside an artifact names; None without a record.

    Raises ArtifactError for a record that is no JSON.
    """
    for record in (path.with_name(f"{path.name}.json"), path.with_name("metadata.json")):
        if record.is_file():
            try:
                content: Any = json.loads(record.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ArtifactError(
                    f"{record}: found no JSON ({error}), expected a record"
                ) from error
            if content.get("artifact", flavour.command) != flavour.command:
                continue  # of another artifact in the same folder
            if sha256 := content.get("master", {}).get("sha256"):
                return str(sha256)
    return None


def _error(flavour: Flavour, path: Path, found: str, expected: str) -> ArtifactError:
    return ArtifactError(f"{path}: found {found}, expected {expected}; mend it: {flavour.makes}")


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
