"""Provides Triton's ``onnxruntime`` backend for servers that have none: a Python-based backend.

It takes the place of the official C++ backend in the embedded server, with the same name, the
same files and the same parameters, so that one model repository serves both. Runs inside
Triton's Python stub; numpy, onnxruntime, the standard library and ``triton_model`` beside it are
all it may import.

An instance of KIND_GPU runs on TensorRT or CUDA or not at all; only one of KIND_CPU runs on the
CPU. What a model runs on stands in Triton's log, in the form of ``RUNS_ON``.

On CUDA every size of a batch has a session of its own, and a batch is filled up to the next size.
cuDNN plans a convolution anew whenever the shape differs from the one before: on an H200 that took
0.4 s a batch, and 16 requests in flight were answered at 11 images a second.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils
from triton_model import ModelError, Port, answer, check, file_of, names

RUNS_ON = "[onnxruntime] {model} runs on {how}"
"""A line of Triton's log; ``allclient.local.triton_log`` reads it."""

TENSORRT, CUDA, CPU = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "CPUExecutionProvider",
)

DATATYPES = {
    "TYPE_BOOL": "tensor(bool)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_UINT16": "tensor(uint16)",
    "TYPE_UINT32": "tensor(uint32)",
    "TYPE_UINT64": "tensor(uint64)",
    "TYPE_INT8": "tensor(int8)",
    "TYPE_INT16": "tensor(int16)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
}
"""Triton's names of the datatypes as ONNX Runtime writes them."""

BATCHES = (1, 4, 16)
"""Sizes of a batch on CUDA, below max_batch_size, which is the last."""

PARAMETERS = ("intra_op_thread_count", "inter_op_thread_count", "execution_mode")
"""Parameters of config.pbtxt, named as in the official backend."""

TENSORRT_PARAMETERS = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}
"""The official backend's name to ONNX Runtime's; those that begin with trt_ are the same."""


class TritonPythonModel:
    """One instance of one model: its sessions, reused."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the sessions of the model."""
        config = json.loads(args["model_config"])
        path = file_of(args, config, "model.onnx")
        if not path.is_file():
            raise ModelError(f"the model file {path} is missing")
        device = int(args["model_instance_device_id"] or 0)
        on_gpu = args["model_instance_kind"] == "GPU"
        opened = open_session(path, config, device if on_gpu else None)
        self.session = opened.session
        self.inputs = names(config["input"])
        self.outputs = names(config["output"])
        check(path, config, "input", ports(self.session.get_inputs()), DATATYPES)
        check(path, config, "output", ports(self.session.get_outputs()), DATATYPES)
        self.sized = {}
        if self.session.get_providers()[0] == CUDA:
            for size in batch_sizes(config["max_batch_size"]):
                self.sized[size] = start(path, settings(config), opened.providers)
                run(self.sized[size], blank(config["input"], size), self.outputs)
        pb_utils.Logger.log_info(RUNS_ON.format(model=config["name"], how=opened.how))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests together; see ``answer``."""
        responses: list[Any] = answer(
            requests, self.inputs, self.outputs, self.infer, "ONNX Runtime"
        )
        return responses

    def infer(self, merged: list[Any]) -> list[Any]:
        """Return the outputs, in the order of config.pbtxt, for the inputs in theirs."""
        count = len(merged[0])
        size = next((size for size in self.sized if size >= count), None)
        if size is None:
            return run(self.session, dict(zip(self.inputs, merged, strict=True)), self.outputs)
        full = [fill(array, size) for array in merged]
        arrays = run(self.sized[size], dict(zip(self.inputs, full, strict=True)), self.outputs)
        return [array[:count] for array in arrays]


class Opened(NamedTuple):
    """A session, and how to open more like it."""

    session: Any
    how: str
    """What it runs on, in words, and why not on what was tried before."""
    providers: list[Any]


def run(session: Any, inputs: dict[str, Any], outputs: list[str]) -> list[Any]:
    """Run one inference: arrays by name in, arrays in the order of ``outputs`` out.

    The binding spares the session the lookup and the checks of its own ``run``, and lets it copy
    from the requests' memory to the device and back by itself.
    """
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_cpu_input(name, np.ascontiguousarray(array))
    for name in outputs:
        binding.bind_output(name, "cpu")
    session.run_with_iobinding(binding)
    return [value.numpy() for value in binding.get_outputs()]


def batch_sizes(largest: int) -> list[int]:
    """Return the sizes of BATCHES up to the largest batch; none for a model without batches."""
    return [size for size in BATCHES if size < largest] + [largest] * (largest > 0)


def fill(array: Any, size: int) -> Any:
    """Return the rows of ``array``, and zeros after them up to ``size`` rows."""
    if len(array) == size:
        return array
    full = np.zeros((size, *array.shape[1:]), array.dtype)
    full[: len(array)] = array
    return full


def blank(inputs: list[dict[str, Any]], size: int) -> dict[str, Any]:
    """Return zeros for every input of config.pbtxt, by name; an open dimension is 1."""
    return {
        one["name"]: np.zeros(
            (size, *(max(int(dim), 1) for dim in one["dims"])),
            pb_utils.triton_string_to_numpy(one["data_type"]),
        )
        for one in inputs
    }


def open_session(path: Path, config: dict[str, Any], device: int | None) -> Opened:
    """Open a session on the first provider that loads.

    device: number of the GPU; None for the CPU.
    Raises ModelError: the file cannot be read, or no provider of a GPU loads.
    """
    accelerators = gpu_accelerators(config)
    options = settings(config)
    if device is None:
        how = f"the CPU ({CPU}, ONNX Runtime {ort.__version__})"
        return Opened(start(path, options, [CPU]), how, [CPU])
    preload()
    cuda = (CUDA, {"device_id": str(device), **accelerators.get("cuda", {})})
    tried = []
    if "tensorrt" in accelerators:
        tensorrt = (TENSORRT, {"device_id": str(device), **accelerators["tensorrt"]})
        tried.append([tensorrt, cuda])
    tried.append([cuda])
    failures = []
    for providers in tried:
        first = providers[0][0]
        if first not in ort.get_available_providers():
            failures.append(f"{first} is not in this build of ONNX Runtime")
            continue
        try:
            session = start(path, options, providers)
        except ModelError as error:
            missing = "Please install TensorRT" in str(error)
            failures.append(f"{first}: {'TensorRT is not installed' if missing else error}")
            continue
        # What does not load is left out of a session with no more than a line on standard error.
        if session.get_providers()[0] == first:
            how = f"GPU {device} ({first}, ONNX Runtime {ort.__version__})"
            return Opened(session, "; ".join([how, *failures]), providers)
        failures.append(f"{first}: its libraries do not load")
    raise ModelError(
        f"{path} cannot run on GPU {device}: {'; '.join(failures)}. "
        "Install ONNX Runtime for GPUs and its CUDA libraries "
        "(pip uninstall onnxruntime; pip install 'allclient[gpu]')"
    )


def start(path: Path, options: Any, providers: list[Any]) -> Any:
    """Start a session that never changes its providers. Raises ModelError, naming the file.

    Raises ModelError, naming the file.
    """
    try:
        session = ort.InferenceSession(
            str(path), sess_options=options, providers=providers, enable_fallback=False
        )
    except Exception as error:  # ONNX Runtime has a dozen classes for it, derived from nothing else
        raise ModelError(f"ONNX Runtime cannot load {path}: {error}") from error
    session.disable_fallback()
    return session


def preload() -> None:
    """Load the libraries of CUDA, cuDNN and TensorRT that came as Python packages."""
    with contextlib.suppress(ImportError):
        importlib.import_module("tensorrt")
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()


def settings(config: dict[str, Any]) -> Any:
    """Return session options of config.pbtxt. Raises ModelError for an unknown parameter."""
    parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
    unknown = sorted(set(parameters) - set(PARAMETERS))
    if unknown:
        raise ModelError(
            f"unknown parameter {', '.join(unknown)} in config.pbtxt of {config['name']}; "
            f"the embedded server knows {', '.join(PARAMETERS)}"
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = number(config, parameters, "intra_op_thread_count")
    options.inter_op_num_threads = number(config, parameters, "inter_op_thread_count")
    if number(config, parameters, "execution_mode") == 1:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    levels = {
        -1: ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        0: ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
        1: ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        2: ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    }
    level = int((config.get("optimization", {}).get("graph") or {}).get("level", 0))
    if level not in levels:
        raise ModelError(
            f"optimization.graph.level is {level} in config.pbtxt of {config['name']}, "
            f"expected one of {', '.join(map(str, levels))}"
        )
    options.graph_optimization_level = levels[level]
    return options


def number(config: dict[str, Any], parameters: dict[str, str], key: str) -> int:
    """Return the whole number that a parameter of config.pbtxt holds; 0 without it."""
    text = parameters.get(key, "0")
    if not text.isdecimal():
        raise ModelError(
            f"{key} is {text!r} in config.pbtxt of {config['name']}, expected a number"
        )
    return int(text)


def gpu_accelerators(config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the accelerators that config.pbtxt names, with options as ONNX Runtime has.

    Raises ModelError for one that is not known, or an option that is not.
    """
    chosen = (config.get("optimization", {}).get("execution_accelerators") or {}).get(
        "gpu_execution_accelerator", []
    )
    accelerators = {}
    for accelerator in chosen:
        name, parameters = accelerator["name"], dict(accelerator.get("parameters", {}))
        if name == "tensorrt":
            accelerators[name] = tensorrt_options(config, parameters)
        elif name == "cuda":
            accelerators[name] = parameters
        else:
            raise ModelError(
                f"unknown accelerator {name!r} in config.pbtxt of {config['name']}; the embedded "
                "server knows tensorrt and cuda"
            )
    return accelerators


def tensorrt_options(config: dict[str, Any], parameters: dict[str, str]) -> dict[str, str]:
    """Return TensorRT's options as ONNX Runtime has them."""
    options = {}
    precision = parameters.pop("precision_mode", "FP32")
    if precision not in ("FP32", "FP16", "INT8"):
        raise ModelError(
            f"precision_mode is {precision!r} in config.pbtxt of {config['name']}, expected "
            "FP32, FP16 or INT8"
        )
    if precision != "FP32":
        options[f"trt_{precision.lower()}_enable"] = "1"
    for key, value in parameters.items():
        name = TENSORRT_PARAMETERS.get(key, key)
        if not name.startswith("trt_"):
            raise ModelError(
                f"unknown parameter {key} of tensorrt in config.pbtxt of {config['name']}"
            )
        options[name] = value
    return options


def ports(tensors: list[Any]) -> list[Port]:
    """Return a model's inputs or outputs."""
    # A name instead of a number is a dimension that the file leaves open.
    return [
        port_of(one, [dim if isinstance(dim, int) else -1 for dim in one.shape]) for one in tensors
    ]


def port_of(port: Any, shape: list[int]) -> Port:
    """Return one input or output of a session."""

    def fits(dims: list[int]) -> bool:
        return len(shape) == len(dims) and all(
            -1 in pair or pair[0] == pair[1] for pair in zip(shape, dims, strict=True)
        )

    batch = shape[0] if shape and shape[0] != -1 else None
    return Port(frozenset({port.name}), port.type, str(shape), fits, batch)
