"""A tiny network through ONNX: as it is, in FP16 and with Q/DQ nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

onnx = pytest.importorskip("onnx", reason="conversion needs the extra 'convert'")
pytest.importorskip("onnxruntime", reason="conversion needs the extra 'convert'")
pytest.importorskip("tf2onnx", reason="conversion needs the extra 'convert'")

from convert import master
from convert.cli import main
from convert.onnx import low_precision, onnx_file, onnx_head
from convert.quantise import refit

FLOAT, HALF, INT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8


@pytest.fixture(scope="module")
def model(master_file: Path) -> Any:
    return onnx_file.export(master.load(master_file), "ab" * 32)


def answers(model: Any, pixels: np.ndarray) -> dict[str, np.ndarray]:
    return onnx_file.run(onnx_file.session(model), pixels)


def test_names_types_shapes_and_opset_are_the_contract(model: Any) -> None:
    found = {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in (*model.graph.input, *model.graph.output)
    }
    assert list(found) == ["PIXELS", "LOGITS", "CAM"]
    assert found["PIXELS"] == (onnx.TensorProto.UINT8, ["batch", 224, 224, 3])
    assert found["LOGITS"] == (FLOAT, ["batch", 4])
    assert found["CAM"] == (FLOAT, ["batch", 8, 8, 4])
    assert [(one.domain, one.version) for one in model.opset_import] == [("", onnx_file.OPSET)]
    assert model.ir_version == onnx_file.IR_VERSION
    assert {one.key: one.value for one in model.metadata_props} == {"master_sha256": "ab" * 32}


def test_it_is_simplified(model: Any) -> None:
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"BatchNormalization", "Shape", "Gather", "Identity"}, kinds


def test_it_answers_as_keras_at_every_batch_size(net: Any, model: Any, noise: np.ndarray) -> None:
    for count in (1, 5):
        expected = net.predict_on_batch(noise[:count])
        found = answers(model, noise[:count])
        for name in ("LOGITS", "CAM"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-3)


def test_half_rounds_the_trunk_and_nothing_else(model: Any, noise: np.ndarray) -> None:
    halved = low_precision.half(model)
    types = {one.name: one.data_type for one in halved.graph.initializer}
    for node in halved.graph.node:
        if node.op_type == "Conv":
            assert {types[name] for name in node.input[1:]} == {HALF}
        if node.op_type == "MatMul":
            assert types[node.input[1]] == FLOAT
    assert [value.type.tensor_type.elem_type for value in halved.graph.output] == [FLOAT, FLOAT]
    found, expected = answers(halved, noise), answers(model, noise)
    assert 0 < np.abs(found["LOGITS"] - expected["LOGITS"]).max() < 0.5


def test_qdq_nodes_are_what_tensorrt_takes(model: Any, seen: Any) -> None:
    backend = low_precision.Quantiser(model, seen.pixels[:8])
    quantised = backend.quantise(backend.layers()[:1])
    values = {one.name: onnx.numpy_helper.to_array(one) for one in quantised.graph.initializer}
    rounded = [node for node in quantised.graph.node if node.op_type == "DequantizeLinear"]
    assert len(rounded) == 2, "activations and weights of the second convolution"
    for node in rounded:
        scale, zero = values[node.input[1]], values[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any(), "around zero"
        assert scale.size == (16 if node.input[0] in values else 1), "a channel, a tensor"


def test_restoring_every_layer_gives_the_float_model(model: Any, seen: Any) -> None:
    backend = low_precision.Quantiser(model, seen.pixels[:8])
    rounded = backend.quantise(())
    expected = backend.logits(model, seen.pixels[:8])
    assert np.abs(backend.logits(rounded, seen.pixels[:8]) - expected).max() > 1e-3
    whole = backend.restored(rounded, backend.layers())
    np.testing.assert_allclose(backend.logits(whole, seen.pixels[:8]), expected, atol=1e-4)


def test_the_head_is_found_and_replaced_in_both_outputs(model: Any, noise: np.ndarray) -> None:
    old, before = onnx_head.head(model), answers(model, noise)
    np.testing.assert_allclose(
        old.logits(onnx_head.features(model, noise)), before["LOGITS"], atol=1e-3
    )
    after = answers(onnx_head.with_head(model, refit.Head(old.kernel * 2, old.bias + 1)), noise)
    expected = 2 * (before["LOGITS"] - old.bias) + old.bias + 1
    np.testing.assert_allclose(after["LOGITS"], expected, atol=1e-3)
    np.testing.assert_allclose(after["CAM"].mean((1, 2)), after["LOGITS"], atol=1e-2)


def test_command_writes_every_precision_with_its_record(
    master_file: Path, data: Path, tmp_path: Path
) -> None:
    wanted = ["--precision", "fp32", "--precision", "fp16", "--precision", "int8"]
    arguments = ["onnx", str(master_file), "--data", str(data), "--into", str(tmp_path), *wanted]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    for folder in ("onnx", "onnx_fp16", "onnx_int8"):
        path = tmp_path / "tiny" / folder / "model.onnx"
        onnx_file.load(path, "python -m convert onnx")
        record = json.loads((path.parent / "metadata.json").read_text())
        assert record["artifact"] == folder
        assert record["opset"] == onnx_file.OPSET


@pytest.mark.parametrize(
    ("content", "found"), [(None, "is missing"), (b"no protobuf \xff\xff", "no ONNX file")]
)
def test_a_missing_or_broken_file_is_refused(
    tmp_path: Path, content: bytes | None, found: str
) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(onnx_file.OnnxError, match=found) as caught:
        onnx_file.load(path, "python -m convert onnx --all")
    assert str(path) in str(caught.value)
    assert "python -m convert onnx --all" in str(caught.value)


def test_a_model_of_something_else_is_refused(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        "other",
        [value("x", FLOAT, [1])],
        [value("y", FLOAT, [1])],
    )
    opset = onnx.helper.make_opsetid("", onnx_file.OPSET)
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    with pytest.raises(onnx_file.OnnxError, match=r"\['x', 'y'\], expected PIXELS, LOGITS, CAM"):
        onnx_file.load(path, "python -m convert onnx")
