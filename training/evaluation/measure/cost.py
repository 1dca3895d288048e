"""Measures what each backbone costs: parameters, work, bytes, time.

Times are of this machine and worth little elsewhere; their ratios are what counts.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from allclient.contract import SIDE
from toolkit import served
from training import record

RUNS = 30
THREADS = 1
RULE = (
    "Multiply-accumulates of all convolutions and matrix products of the served graph for one "
    "image of 224 pixels a side; everything else (activations, pooling, scaling) is left out. "
    "FLOPs are twice that. Parameters are those of the Keras master, batch statistics included. "
    "Latency is one image through the served model with OpenVINO on the CPU, after a warm-up."
)


def measure(masters: Mapping[str, Path], *, runs: int = RUNS) -> dict[str, Any]:
    """Return COST of ``training.evaluation.figures`` for masters and their served models.

    Both are given by backbone.
    """
    from training.models import masters as stored

    backbones: dict[str, Any] = {}
    for name, master in masters.items():
        graph = served.MODEL_REPOSITORY / name / "1" / "model.xml"
        macs = multiply_accumulates(graph)
        backbones[name] = {
            "parameters": int(stored.load(master).count_params()),
            "macs": macs,
            "flops": 2 * macs,
            "master_bytes": master.stat().st_size,
            "ir_bytes": graph.stat().st_size + graph.with_suffix(".bin").stat().st_size,
            "latency_ms": latency(graph, runs=runs),
        }
    fastest = min(each["latency_ms"]["median"] for each in backbones.values())
    for each in backbones.values():
        each["relative_latency"] = each["latency_ms"]["median"] / fastest
    about = {"rule": RULE, "threads": THREADS, "runs": runs, "cpu": cpu()}
    return record.stamped(backbones=backbones, **about)


def multiply_accumulates(graph: Path) -> int:
    """Count the multiplications for one image in convolutions and matrix products.

    Raises:
        OSError: there is no served model or no OpenVINO; the message says how to get it.
    """
    ov = _openvino()
    if not graph.is_file():
        raise FileNotFoundError(f"{graph} is missing; python -m convert openvino makes it")
    model = ov.Core().read_model(graph)
    model.reshape([1, SIDE, SIDE, 3])
    total = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind not in ("Convolution", "GroupConvolution", "MatMul"):
            continue
        results = int(np.prod(list(node.output(0).shape)))
        if kind == "MatMul":
            transposed = node.get_attributes()["transpose_a"]
            each = list(node.input(0).get_shape())[-2 if transposed else -1]
        else:
            # Kernels are [out, in, h, w], of groups [groups, out, in, h, w].
            each = int(
                np.prod(list(node.input(1).get_shape())[1 if kind == "Convolution" else 2 :])
            )
        total += results * each
    return total


def latency(graph: Path, *, runs: int) -> dict[str, float]:
    """Return median, 10th and 90th percentile of one image on THREADS threads, in milliseconds."""
    ov = _openvino()
    settings = {"INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1}
    compiled = ov.Core().compile_model(graph, "CPU", settings)
    request = compiled.create_infer_request()
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)
    seconds = []
    for _ in range(3 + runs):
        start = time.perf_counter()
        request.infer({0: image})
        seconds.append(time.perf_counter() - start)
    low, median, high = np.percentile(np.array(seconds[3:]) * 1000, [10, 50, 90])
    return {"median": float(median), "p10": float(low), "p90": float(high)}


def _openvino() -> ModuleType:
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise OSError(
            f"--cost needs OpenVINO: pip install 'allclient[convert]' ({error})"
        ) from error


def cpu() -> str:
    """Return what the processor calls itself, and how many of its cores are there."""
    name = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} cores"
