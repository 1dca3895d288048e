"""Triton's ``openvino`` backend for servers that have none: a Python-based backend.

It takes the place of the official C++ backend in the embedded server, with the same name, the
same files and the same parameters, so that one model repository serves both. Runs inside
Triton's Python stub; numpy, openvino and the standard library are all it may import.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import triton_python_backend_utils as pb_utils

DATATYPES = {
    "TYPE_BOOL": "boolean",
    "TYPE_UINT8": "u8",
    "TYPE_UINT16": "u16",
    "TYPE_UINT32": "u32",
    "TYPE_UINT64": "u64",
    "TYPE_INT8": "i8",
    "TYPE_INT16": "i16",
    "TYPE_INT32": "i32",
    "TYPE_INT64": "i64",
    "TYPE_FP16": "f16",
    "TYPE_FP32": "f32",
    "TYPE_FP64": "f64",
}
"""Triton's names of the datatypes as OpenVINO writes them."""

PARAMETERS = (
    "PERFORMANCE_HINT",
    "NUM_STREAMS",
    "INFERENCE_NUM_THREADS",
    "COMPILATION_NUM_THREADS",
    "INFERENCE_PRECISION_HINT",
)
"""Given to OpenVINO under the same name."""


class ModelError(ValueError):
    """The model file and its config.pbtxt do not go together; Triton's log shows the text."""


class TritonPythonModel:
    """One instance of one model: a compiled network and one inference request, reused."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        path = (
            Path(args["model_repository"])
            / args["model_version"]
            / (config.get("default_model_filename") or "model.xml")
        )
        core = ov.Core()
        model = read(core, path)
        self.inputs = names(config["input"])
        self.outputs = names(config["output"])
        batched = config["max_batch_size"] > 0
        check(path, "input", config["input"], model.inputs, batched)
        check(path, "output", config["output"], model.outputs, batched)
        try:
            network = core.compile_model(model, "CPU", settings(config))
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot compile {path}: {last_line(error)}") from error
        self.request = network.create_infer_request()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One inference for all requests together; one response for each."""
        arrays = [
            [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs]
            for request in requests
        ]
        merged = {
            name: column[0] if len(column) == 1 else np.concatenate(column)
            for name, column in zip(self.inputs, zip(*arrays, strict=True), strict=True)
        }
        try:
            self.request.infer(merged, share_inputs=True)
        except Exception as error:  # Triton wants one response a request, whatever happened
            failure = pb_utils.TritonError(f"OpenVINO could not run the model: {error}")
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        # Views of the network's own memory: Triton copies them out before the next inference.
        results = [(name, self.request.get_tensor(name).data) for name in self.outputs]
        responses, start = [], 0
        for (first, *_), request in zip(arrays, requests, strict=True):
            end = start + len(first)
            wanted = set(request.requested_output_names())
            responses.append(
                pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor(name, data[start:end])
                        for name, data in results
                        if name in wanted
                    ]
                )
            )
            start = end
        return responses


def read(core: ov.Core, path: Path) -> ov.Model:
    """The network of an IR, ONNX or SavedModel file. Raises ModelError, naming the file."""
    if not path.exists():
        raise ModelError(f"the model file {path} is missing")
    if path.suffix == ".xml" and not path.with_suffix(".bin").exists():
        raise ModelError(f"the weights {path.with_suffix('.bin')} are missing")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {path}: {last_line(error)}") from error


def last_line(error: RuntimeError) -> str:
    """What OpenVINO means; the lines before say where in its own source."""
    return [line.strip() for line in str(error).splitlines() if line.strip()][-1]


def names(tensors: list[dict[str, Any]]) -> list[str]:
    return [tensor["name"] for tensor in tensors]


def settings(config: dict[str, Any]) -> dict[str, str]:
    """The parameters of config.pbtxt for OpenVINO. Raises ModelError for one it does not know."""
    given = {
        key: value["string_value"].upper() for key, value in config.get("parameters", {}).items()
    }
    known = {key: given.pop(key) for key in PARAMETERS if key in given}
    if given.pop("HINT_BF16", "NO") == "YES":
        known["INFERENCE_PRECISION_HINT"] = "BF16"
    if given:
        raise ModelError(
            f"unknown parameter {', '.join(sorted(given))} in config.pbtxt of {config['name']}; "
            f"the embedded server knows {', '.join((*PARAMETERS, 'HINT_BF16'))}"
        )
    if "INFERENCE_PRECISION_HINT" in known:
        known["INFERENCE_PRECISION_HINT"] = known["INFERENCE_PRECISION_HINT"].lower()
    # Several models are several processes, and each would pin its threads to the same cores.
    known["ENABLE_CPU_PINNING"] = "NO"
    known.setdefault("PERFORMANCE_HINT", "LATENCY")
    return known


def check(
    path: Path, role: str, expected: list[dict[str, Any]], ports: list[Any], batched: bool
) -> None:
    """Raises ModelError where the network's inputs or outputs are not those of config.pbtxt."""
    found = {name: port for port in ports for name in port.get_names()}
    missing = [name for name in names(expected) if name not in found]
    if missing:
        raise ModelError(
            f"{path} has no {role} {', '.join(missing)} as config.pbtxt says; "
            f"it has {', '.join(sorted(found)) or 'none with a name'}"
        )
    if role == "input" and len(expected) != len(ports):
        raise ModelError(
            f"{path} has {len(ports)} inputs ({', '.join(sorted(found))}), "
            f"config.pbtxt has {len(expected)}"
        )
    for tensor in expected:
        port = found[tensor["name"]]
        actual = port.get_element_type().get_type_name()
        if DATATYPES.get(tensor["data_type"]) != actual:
            raise ModelError(
                f"{path}: {role} {tensor['name']} is {actual}, config.pbtxt says "
                f"{tensor['data_type']}"
            )
        dims = [-1, *map(int, tensor["dims"])] if batched else [int(d) for d in tensor["dims"]]
        shape = port.get_partial_shape()
        if not shape.compatible(ov.PartialShape(dims)):
            raise ModelError(
                f"{path}: {role} {tensor['name']} has the shape {shape}, config.pbtxt says {dims}"
                f"{' (with the batch first)' if batched else ''}"
            )
        if batched and shape[0].is_static:
            raise ModelError(
                f"{path}: {role} {tensor['name']} has a fixed batch of {shape[0]}, and "
                "max_batch_size in config.pbtxt needs a model with a batch of any size"
            )
