"""Small networks with a voter's inputs and outputs, in every format that can be made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from allclient.contract import MODELS, SIDE, Backbone

Save = Callable[..., Path]


@pytest.fixture
def save_ir() -> Save:
    """``save(folder, backbone, cam=None, batch=-1)`` writes model.xml and model.bin."""
    ov = pytest.importorskip("openvino", reason="the IR is made with openvino, of 'convert'")
    from openvino import opset13 as ops

    def save(
        folder: Path, backbone: Backbone, cam: tuple[int, ...] | None = None, batch: int = -1
    ) -> Path:
        cam = cam or MODELS[backbone.value].outputs["CAM"].shape
        pixels = ops.parameter([batch, SIDE, SIDE, 3], np.uint8, name="PIXELS")
        numbers = ops.convert(pixels, "f32")
        mean = ops.reduce_mean(numbers, np.array([1, 2, 3]), keep_dims=True)
        maps = ops.add(mean, np.zeros((1, *cam), np.float32))
        logits = ops.reduce_mean(maps, np.array([1, 2]))
        model = ov.Model([ops.result(logits), ops.result(maps)], [pixels], backbone.value)
        model.inputs[0].get_tensor().set_names({"PIXELS"})
        model.outputs[0].get_tensor().set_names({"LOGITS"})
        model.outputs[1].get_tensor().set_names({"CAM"})
        folder.mkdir(parents=True, exist_ok=True)
        ov.save_model(model, folder / "model.xml")
        return folder / "model.xml"

    return save


@pytest.fixture
def save_onnx() -> Save:
    """``save(folder, backbone, cam=None)`` writes model.onnx."""
    onnx = pytest.importorskip("onnx", reason="the file is made with onnx, of the extra 'dev'")

    def save(folder: Path, backbone: Backbone, cam: tuple[int, ...] | None = None) -> Path:
        cam = cam or MODELS[backbone.value].outputs["CAM"].shape
        helper, kinds = onnx.helper, onnx.TensorProto
        graph = helper.make_graph(
            [
                helper.make_node("Cast", ["PIXELS"], ["numbers"], to=kinds.FLOAT),
                helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=[1, 2, 3]),
                helper.make_node("Add", ["mean", "zeros"], ["CAM"]),
                helper.make_node("ReduceMean", ["CAM"], ["LOGITS"], axes=[1, 2], keepdims=0),
            ],
            backbone.value,
            [helper.make_tensor_value_info("PIXELS", kinds.UINT8, ["n", SIDE, SIDE, 3])],
            [
                helper.make_tensor_value_info("LOGITS", kinds.FLOAT, ["n", 4]),
                helper.make_tensor_value_info("CAM", kinds.FLOAT, ["n", *cam]),
            ],
            [onnx.numpy_helper.from_array(np.zeros((1, *cam), np.float32), "zeros")],
        )
        opsets = [helper.make_opsetid("", 17)]
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(
            helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "model.onnx"
        )
        return folder / "model.onnx"

    return save
