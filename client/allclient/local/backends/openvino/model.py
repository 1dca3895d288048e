"""Provides Triton's ``openvino`` backend for servers that have none: a Python-based backend.

It takes the place of the official C++ backend in the embedded server, with the same name, the
same files and the same parameters, so that one model repository serves both. Runs inside
Triton's Python stub; numpy, openvino, the standard library and ``triton_model`` beside it are all
it may import.

A batch is not computed as one: models are compiled for one item. A CPU gains nothing from larger
batches, whose maps no longer fit its caches, and loses by shapes that are known only when it runs.
An item that comes alone gets all threads, several get a thread each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from triton_model import ModelError, Port, answer, check, file_of, names

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


class TritonPythonModel:
    """One instance of one model: a compiled backbone and its inference requests, reused."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile the model."""
        config = json.loads(args["model_config"])
        path = file_of(args, config, "model.xml")
        core = ov.Core()
        model = read(core, path)
        self.inputs = names(config["input"])
        self.outputs = names(config["output"])
        check(path, config, "input", ports(model.inputs), DATATYPES)
        check(path, config, "output", ports(model.outputs), DATATYPES)
        self.batched = config["max_batch_size"] > 0
        options = settings(config)

        def compiled(hint: str) -> Any:
            return core.compile_model(model, "CPU", {"PERFORMANCE_HINT": hint, **options})

        try:
            if self.batched:
                model.reshape({port: one_item(port) for port in model.inputs})
            alone = several = compiled("LATENCY")
            # With a hint from config.pbtxt, or one thread, both would be the same.
            free = self.batched and "PERFORMANCE_HINT" not in options
            if free and alone.get_property("INFERENCE_NUM_THREADS") > 1:
                several = compiled("THROUGHPUT")
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot compile {path}: {last_line(error)}") from error
        self.request = alone.create_infer_request()
        self.queue = ov.AsyncInferQueue(several)
        self.queue.set_callback(self.keep)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests together; see ``answer``."""
        responses: list[Any] = answer(requests, self.inputs, self.outputs, self.infer, "OpenVINO")
        return responses

    def infer(self, merged: list[Any]) -> list[Any]:
        """Return the outputs, in the order of config.pbtxt, for the inputs in theirs."""
        if not self.batched or len(merged[0]) == 1:
            self.request.infer(dict(zip(self.inputs, merged, strict=True)), share_inputs=True)
            return [self.request.get_tensor(name).data for name in self.outputs]
        parts: list[Any] = [None] * len(merged[0])
        try:
            for place in range(len(parts)):
                item = [array[place : place + 1] for array in merged]
                named = dict(zip(self.inputs, item, strict=True))
                self.queue.start_async(named, (parts, place), share_inputs=True)
        finally:
            # Also where one cannot start: those that run still read ``merged``.
            self.queue.wait_all()
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def keep(self, request: ov.InferRequest, where: tuple[list[Any], int]) -> None:
        """Copy an item's outputs: the request's memory is the next item's."""
        parts, place = where
        parts[place] = [request.get_tensor(name).data.copy() for name in self.outputs]


def read(core: ov.Core, path: Path) -> ov.Model:
    """Read an IR, ONNX or SavedModel file. Raises ModelError, naming the file."""
    if not path.exists():
        raise ModelError(f"the model file {path} is missing")
    if path.suffix == ".xml" and not path.with_suffix(".bin").exists():
        raise ModelError(f"the weights {path.with_suffix('.bin')} are missing")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {path}: {last_line(error)}") from error


def last_line(error: RuntimeError) -> str:
    """Return what OpenVINO means; the lines before say where in its own source."""
    return [line.strip() for line in str(error).splitlines() if line.strip()][-1]


def settings(config: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of config.pbtxt for OpenVINO. Raises ModelError for an unknown one.

    Raises ModelError for one it does not know.
    """
    parameters = {
        key: value["string_value"].upper() for key, value in config.get("parameters", {}).items()
    }
    known = {key: parameters.pop(key) for key in PARAMETERS if key in parameters}
    if parameters.pop("HINT_BF16", "NO") == "YES":
        known["INFERENCE_PRECISION_HINT"] = "BF16"
    if parameters:
        raise ModelError(
            f"unknown parameter {', '.join(sorted(parameters))} in config.pbtxt of "
            f"{config['name']}; the embedded server knows {', '.join((*PARAMETERS, 'HINT_BF16'))}"
        )
    if "INFERENCE_PRECISION_HINT" in known:
        known["INFERENCE_PRECISION_HINT"] = known["INFERENCE_PRECISION_HINT"].lower()
    # Several models are several processes, and each would pin its threads to the same cores.
    known["ENABLE_CPU_PINNING"] = "NO"
    return known


def one_item(port: Any) -> ov.PartialShape:
    """Return an input's shape for a batch of one."""
    shape = port.get_partial_shape()
    shape[0] = 1
    return shape


def ports(tensors: list[Any]) -> list[Port]:
    """Return a model's inputs or outputs."""
    return [port_of(one, one.get_partial_shape()) for one in tensors]


def port_of(port: Any, shape: ov.PartialShape) -> Port:
    """Return one input or output of a model."""
    return Port(
        frozenset(port.get_names()),
        port.get_element_type().get_type_name(),
        str(shape),
        lambda dims: shape.compatible(ov.PartialShape(dims)),
        shape[0].get_length() if shape.rank.is_static and shape[0].is_static else None,
    )
