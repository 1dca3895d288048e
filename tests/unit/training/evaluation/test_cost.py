from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from training.evaluation.measure import cost

ov = pytest.importorskip("openvino")
from openvino import opset13 as ops


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A convolution, a depthwise one and a dense layer on 224 x 224 x 3."""
    pixels = ops.parameter([-1, 224, 224, 3], np.uint8, name="PIXELS")
    maps = ops.transpose(ops.convert(pixels, np.float32), np.array([0, 3, 1, 2]))
    ones, none = [2, 2], [0, 0]
    kernel = np.ones((8, 3, 3, 3), np.float32)
    maps = ops.convolution(maps, kernel, ones, [0, 0], [1, 1], [1, 1])
    depthwise = np.ones((8, 1, 1, 3, 3), np.float32)
    maps = ops.group_convolution(maps, depthwise, ones, none, [1, 1], [1, 1])
    pooled = ops.reduce_mean(maps, np.array([2, 3]))
    dense = ops.matmul(pooled, np.ones((8, 4), np.float32), False, False)
    path = tmp_path / "model.xml"
    ov.save_model(ov.Model([dense], [pixels], "tiny"), path)
    return path


def test_work_is_that_of_the_layers(graph: Path) -> None:
    convolution = 112 * 112 * 8 * (3 * 3 * 3)
    depthwise = 56 * 56 * 8 * (3 * 3)
    assert cost.multiply_accumulates(graph) == convolution + depthwise + 8 * 4


def test_latency_is_measured(graph: Path) -> None:
    found = cost.latency(graph, runs=3)
    assert 0 < found["p10"] <= found["median"] <= found["p90"]


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m convert openvino makes it"):
        cost.multiply_accumulates(tmp_path / "model.xml")


def test_the_processor_is_named() -> None:
    assert f"{os.cpu_count()} cores" in cost.cpu()
