"""The backend's checks and its inference, on tiny networks, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ov = pytest.importorskip("openvino")
from openvino import opset13 as ops

CONFIG = {
    "name": "tiny",
    "max_batch_size": 8,
    "input": [{"name": "PIXELS", "data_type": "TYPE_UINT8", "dims": ["2", "3"]}],
    "output": [
        {"name": "SUM", "data_type": "TYPE_FP32", "dims": ["2"]},
        {"name": "HALF", "data_type": "TYPE_FP32", "dims": ["2", "3"]},
    ],
    "parameters": {},
}


@pytest.fixture(scope="module")
def backend(load_backend: Callable[[str], Any]) -> Any:
    return load_backend("openvino")


def save(folder: Path, batch: int = -1) -> Path:
    pixels = ops.parameter([batch, 2, 3], np.uint8, name="PIXELS")
    numbers = ops.convert(pixels, "f32")
    half = ops.divide(numbers, np.float32(2))
    total = ops.reduce_sum(numbers, np.array([2]))
    model = ov.Model([ops.result(half), ops.result(total)], [pixels], "tiny")
    model.inputs[0].get_tensor().set_names({"PIXELS"})
    model.outputs[0].get_tensor().set_names({"HALF"})
    model.outputs[1].get_tensor().set_names({"SUM"})
    (folder / "1").mkdir(exist_ok=True)
    ov.save_model(model, folder / "1" / "model.xml")
    return folder / "1" / "model.xml"


def load(backend: Any, folder: Path, **changes: Any) -> Any:
    model = backend.TritonPythonModel()
    model.initialize(
        {
            "model_config": json.dumps({**CONFIG, **changes}),
            "model_repository": str(folder),
            "model_version": "1",
        }
    )
    return model


def test_requests_are_answered_together_and_each_gets_its_own(
    backend: Any, tmp_path: Path, make_request: Any
) -> None:
    save(tmp_path)
    model = load(backend, tmp_path)
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 255, (n, 2, 3), dtype=np.uint8) for n in (1, 3, 2)]
    for chosen in (arrays, arrays[1:2], arrays[::-1]):
        responses = model.execute([make_request(array) for array in chosen])
        assert len(responses) == len(chosen)
        for array, response in zip(chosen, responses, strict=True):
            np.testing.assert_allclose(response.arrays["HALF"], array / 2)
            np.testing.assert_allclose(response.arrays["SUM"], array.sum(axis=2))


def test_only_what_was_asked_for_is_sent(backend: Any, tmp_path: Path, make_request: Any) -> None:
    save(tmp_path)
    (response,) = load(backend, tmp_path).execute(
        [make_request(np.zeros((1, 2, 3), np.uint8), wanted=("SUM",))]
    )
    assert list(response.arrays) == ["SUM"]


def test_a_failed_inference_answers_every_request(
    backend: Any, tmp_path: Path, make_request: Any
) -> None:
    save(tmp_path)
    wrong = make_request(np.zeros((1, 2, 4), np.uint8))
    responses = load(backend, tmp_path).execute([wrong, wrong])
    assert len(responses) == 2
    assert all("OpenVINO could not run" in response.error for response in responses)


def test_after_a_failed_inference_the_next_ones_are_answered(
    backend: Any, tmp_path: Path, make_request: Any
) -> None:
    save(tmp_path)
    model = load(backend, tmp_path)
    for count in (1, 3):
        (failed,) = model.execute([make_request(np.zeros((count, 2, 4), np.uint8))])
        assert "OpenVINO could not run" in failed.error
        array = np.arange(6 * count, dtype=np.uint8).reshape(count, 2, 3)
        (response,) = model.execute([make_request(array)])
        np.testing.assert_allclose(response.arrays["HALF"], array / 2)


def test_a_network_is_compiled_for_one_item(backend: Any, tmp_path: Path) -> None:
    save(tmp_path)
    model = load(backend, tmp_path)
    assert list(model.request.model_inputs[0].shape) == [1, 2, 3]
    several = model.queue[0].get_compiled_model()
    assert list(several.inputs[0].shape) == [1, 2, 3]
    assert len(model.queue) == several.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")


def test_a_hint_or_a_thread_is_for_one_item_and_for_several(backend: Any, tmp_path: Path) -> None:
    save(tmp_path)
    for name, value in (("PERFORMANCE_HINT", "LATENCY"), ("INFERENCE_NUM_THREADS", "1")):
        model = load(backend, tmp_path, parameters={name: {"string_value": value}})
        assert len(model.queue) == 1


def test_a_network_without_a_batch_is_run_as_it_is(
    backend: Any, tmp_path: Path, make_request: Any
) -> None:
    save(tmp_path, batch=4)
    dims: dict[str, Any] = {
        role: [{**one, "dims": ["4", *one["dims"]]} for one in CONFIG[role]]  # type: ignore[attr-defined]
        for role in ("input", "output")
    }
    model = load(backend, tmp_path, max_batch_size=0, **dims)
    array = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    (response,) = model.execute([make_request(array)])
    np.testing.assert_allclose(response.arrays["HALF"], array / 2)


def test_another_file_name_and_the_order_of_the_config(backend: Any, tmp_path: Path) -> None:
    path = save(tmp_path)
    path.rename(path.with_name("other.xml"))
    path.with_suffix(".bin").rename(path.with_name("other.bin"))
    model = load(backend, tmp_path, default_model_filename="other.xml")
    assert model.outputs == ["SUM", "HALF"]


def change(role: str, name: str, /, **changes: Any) -> dict[str, Any]:
    tensors = [{**t, **(changes if t["name"] == name else {})} for t in CONFIG[role]]  # type: ignore[attr-defined]
    return {role: tensors}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (change("output", "SUM", name="TOTAL"), "model.xml has no output TOTAL.* has HALF, SUM"),
        (change("input", "PIXELS", name="IMAGE"), "model.xml has no input IMAGE.* has PIXELS"),
        (change("output", "SUM", dims=["3"]), r"SUM has the shape \[\?,2\], .* \[-1, 3\]"),
        (change("input", "PIXELS", data_type="TYPE_FP32"), "PIXELS is u8, .* TYPE_FP32"),
        ({"default_model_filename": "none.onnx"}, r"1/none\.onnx is missing"),
        (
            {"parameters": {"NUM_STREEMS": {"string_value": "1"}}},
            "unknown parameter NUM_STREEMS in config.pbtxt of tiny.*NUM_STREAMS",
        ),
        (
            {"parameters": {"NUM_STREAMS": {"string_value": "many"}}},
            "cannot compile .*model.xml: .*MANY",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    backend: Any, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    save(tmp_path)
    with pytest.raises(backend.ModelError, match=expected):
        load(backend, tmp_path, **changes)


def test_a_fixed_batch_is_refused(backend: Any, tmp_path: Path) -> None:
    save(tmp_path, batch=1)
    with pytest.raises(backend.ModelError, match="PIXELS has a fixed batch of 1"):
        load(backend, tmp_path)


def test_bounds_of_a_dimension_are_kept_to(backend: Any) -> None:
    between = ov.PartialShape([-1, ov.Dimension(1, 8)])
    port = ops.parameter(between, np.uint8).output(0)
    (found,) = backend.ports([port])
    assert found.fits([-1, 8])
    assert not found.fits([-1, 9])
    assert found.batch is None


def test_files_that_are_missing_or_broken(backend: Any, tmp_path: Path) -> None:
    path = save(tmp_path)
    path.with_suffix(".bin").write_bytes(b"xx")
    path.write_text(path.read_text().replace('offset="0"', 'offset="99"'))
    with pytest.raises(backend.ModelError, match=r"cannot read .*model\.xml: "):
        load(backend, tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(backend.ModelError, match=r"weights .*model\.bin are missing"):
        load(backend, tmp_path)
    path.unlink()
    with pytest.raises(backend.ModelError, match=r"model file .*model\.xml is missing"):
        load(backend, tmp_path)


def test_parameters_reach_openvino(backend: Any) -> None:
    given = {
        "PERFORMANCE_HINT": "throughput",
        "NUM_STREAMS": "2",
        "INFERENCE_NUM_THREADS": "1",
        "HINT_BF16": "yes",
    }
    config = {**CONFIG, "parameters": {k: {"string_value": v} for k, v in given.items()}}
    assert backend.settings(config) == {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": "2",
        "INFERENCE_NUM_THREADS": "1",
        "INFERENCE_PRECISION_HINT": "bf16",
        "ENABLE_CPU_PINNING": "NO",
    }


def test_an_onnx_file_is_read_like_an_ir(backend: Any, tmp_path: Path, make_request: Any) -> None:
    onnx = pytest.importorskip("onnx", reason="the file is made with onnx, of the extra 'dev'")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Cast", ["PIXELS"], ["HALF"], to=kinds.FLOAT)],
        "tiny",
        [helper.make_tensor_value_info("PIXELS", kinds.UINT8, ["n", 2, 3])],
        [helper.make_tensor_value_info("HALF", kinds.FLOAT, ["n", 2, 3])],
    )
    (tmp_path / "1").mkdir()
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(
        helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "1" / "model.onnx"
    )
    outputs = [tensor for tensor in CONFIG["output"] if tensor["name"] == "HALF"]  # type: ignore[attr-defined]
    model = load(backend, tmp_path, default_model_filename="model.onnx", output=outputs)
    array = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    (response,) = model.execute([make_request(array)])
    np.testing.assert_allclose(response.arrays["HALF"], array)
