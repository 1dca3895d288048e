"""The onnxruntime backend's checks and its inference, on a tiny network, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allclient.local import triton_log

onnx = pytest.importorskip("onnx", reason="the networks are made with onnx, of the extra 'dev'")
ort = pytest.importorskip("onnxruntime", reason="the backend runs ONNX Runtime")

CONFIG: dict[str, Any] = {
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
    return load_backend("onnxruntime")


def save(folder: Path, batch: int | str = "n") -> Path:
    """PIXELS to HALF, the numbers halved, and SUM, the rows' sums."""
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["PIXELS"], ["numbers"], to=kinds.FLOAT),
        helper.make_node("Div", ["numbers", "two"], ["HALF"]),
        helper.make_node("ReduceSum", ["numbers", "axes"], ["SUM"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("PIXELS", kinds.UINT8, [batch, 2, 3])],
        [
            helper.make_tensor_value_info("HALF", kinds.FLOAT, [batch, 2, 3]),
            helper.make_tensor_value_info("SUM", kinds.FLOAT, [batch, 2]),
        ],
        [
            onnx.numpy_helper.from_array(np.float32(2), "two"),
            onnx.numpy_helper.from_array(np.array([2], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / "1").mkdir(exist_ok=True)
    onnx.save(model, folder / "1" / "model.onnx")
    return folder / "1" / "model.onnx"


def load(backend: Any, folder: Path, kind: str = "CPU", **changes: Any) -> Any:
    model = backend.TritonPythonModel()
    model.initialize(
        {
            "model_config": json.dumps({**CONFIG, **changes}),
            "model_repository": str(folder),
            "model_version": "1",
            "model_instance_kind": kind,
            "model_instance_device_id": "0",
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


def test_on_cuda_a_batch_is_filled_up_to_a_size_with_a_session_of_its_own(
    backend: Any, tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the CPU plays CUDA: what matters is which shapes each session sees."""
    seen: dict[int, set[int]] = {}
    plain = backend.run

    def run(session: Any, inputs: dict[str, Any], outputs: list[str]) -> list[Any]:
        seen.setdefault(id(session), set()).add(len(inputs["PIXELS"]))
        found: list[Any] = plain(session, inputs, outputs)
        return found

    monkeypatch.setattr(backend, "CUDA", backend.CPU)
    monkeypatch.setattr(backend, "run", run)
    save(tmp_path)
    model = load(backend, tmp_path)
    rng = np.random.default_rng(1)
    for count in (1, 2, 4, 5, 8, 3):
        array = rng.integers(0, 255, (count, 2, 3), dtype=np.uint8)
        (response,) = model.execute([make_request(array)])
        np.testing.assert_allclose(response.arrays["HALF"], array / 2)
        np.testing.assert_allclose(response.arrays["SUM"], array.sum(axis=2))
    assert sorted(seen.values(), key=min) == [{1}, {4}, {8}]


def test_sizes_of_batches(backend: Any) -> None:
    assert backend.batch_sizes(64) == [1, 4, 16, 64]
    assert backend.batch_sizes(16) == [1, 4, 16]
    assert backend.batch_sizes(1) == [1]
    assert backend.batch_sizes(0) == []


def test_only_what_was_asked_for_is_sent(backend: Any, tmp_path: Path, make_request: Any) -> None:
    save(tmp_path)
    request = make_request(np.zeros((1, 2, 3), np.uint8), wanted=("SUM",))
    (response,) = load(backend, tmp_path).execute([request])
    assert list(response.arrays) == ["SUM"]


def test_a_failed_inference_answers_every_request(
    backend: Any, tmp_path: Path, make_request: Any
) -> None:
    save(tmp_path)
    wrong = make_request(np.zeros((1, 2, 4), np.uint8))
    responses = load(backend, tmp_path).execute([wrong, wrong])
    assert len(responses) == 2
    assert all("ONNX Runtime could not run" in response.error for response in responses)


def test_what_it_runs_on_is_said_in_a_line_that_the_report_reads(
    backend: Any, tmp_path: Path
) -> None:
    save(tmp_path)
    load(backend, tmp_path)
    line = backend.pb_utils.logged[-1]
    log = f'I1124 22:06:01.123456 7 model.py:9] "{line}"\nanother line'
    assert triton_log.providers(log) == {
        "tiny": f"the CPU (CPUExecutionProvider, ONNX Runtime {ort.__version__})"
    }


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(),
    reason="this ONNX Runtime is built for GPUs",
)
def test_a_gpu_instance_never_runs_on_the_cpu_in_silence(backend: Any, tmp_path: Path) -> None:
    save(tmp_path)
    accelerators = {"gpu_execution_accelerator": [{"name": "tensorrt", "parameters": {}}]}
    with pytest.raises(
        backend.ModelError,
        match=r"cannot run on GPU 0: Tensorrt.* not in this build.*CUDA.* not in this build.*"
        r"allclient\[gpu\]",
    ):
        load(
            backend,
            tmp_path,
            kind="GPU",
            optimization={"execution_accelerators": accelerators},
        )


def test_a_provider_whose_libraries_do_not_load_gives_way_to_the_next(
    backend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime lists what it was built with and drops what does not load from the session."""

    class Session:
        def __init__(self, *_: Any, providers: list[Any], **__: Any) -> None:
            self.asked = providers
            asked = [name for name, _ in providers]
            self.loaded = [name for name in asked if name not in broken]

        def get_providers(self) -> list[str]:
            return [*self.loaded, backend.CPU]

        def disable_fallback(self) -> None: ...

    monkeypatch.setattr(backend.ort, "InferenceSession", Session)
    monkeypatch.setattr(
        backend.ort, "get_available_providers", lambda: [backend.TENSORRT, backend.CUDA]
    )
    monkeypatch.setattr(backend, "preload", lambda: None)
    accelerator = {"name": "tensorrt", "parameters": {"precision_mode": "FP16"}}
    config = {
        **CONFIG,
        "optimization": {"execution_accelerators": {"gpu_execution_accelerator": [accelerator]}},
    }
    path = tmp_path / "model.onnx"
    broken: set[str] = set()
    session, how, _ = backend.open_session(path, config, 1)
    assert session.asked[0] == (backend.TENSORRT, {"device_id": "1", "trt_fp16_enable": "1"})
    assert how.startswith("GPU 1 (TensorrtExecutionProvider")
    broken = {backend.TENSORRT}
    session, how, _ = backend.open_session(path, config, 0)
    assert how.startswith("GPU 0 (CUDAExecutionProvider")
    assert "TensorrtExecutionProvider: its libraries do not load" in how
    broken = {backend.TENSORRT, backend.CUDA}
    with pytest.raises(backend.ModelError, match="CUDAExecutionProvider: its libraries do not"):
        backend.open_session(path, config, 0)


def change(role: str, name: str, /, **changes: Any) -> dict[str, Any]:
    return {role: [{**t, **(changes if t["name"] == name else {})} for t in CONFIG[role]]}


def accelerator(name: str, **parameters: str) -> dict[str, Any]:
    one = {"name": name, "parameters": parameters}
    return {"optimization": {"execution_accelerators": {"gpu_execution_accelerator": [one]}}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (change("output", "SUM", name="TOTAL"), "model.onnx has no output TOTAL.* has HALF, SUM"),
        (change("input", "PIXELS", name="IMAGE"), "model.onnx has no input IMAGE.* has PIXELS"),
        (change("output", "SUM", dims=["3"]), r"SUM has the shape \[-1, 2\], .* \[-1, 3\]"),
        (
            change("input", "PIXELS", data_type="TYPE_FP32"),
            r"PIXELS is tensor\(uint8\), .* TYPE_FP32",
        ),
        ({"default_model_filename": "none.onnx"}, r"1/none\.onnx is missing"),
        (
            {"parameters": {"threads": {"string_value": "1"}}},
            "unknown parameter threads in config.pbtxt of tiny.*intra_op_thread_count",
        ),
        (
            {"parameters": {"intra_op_thread_count": {"string_value": "many"}}},
            "intra_op_thread_count is 'many'",
        ),
        ({"optimization": {"graph": {"level": 7}}}, r"graph\.level is 7"),
        (accelerator("openvino"), "unknown accelerator 'openvino'"),
        (accelerator("tensorrt", precision_mode="FP8"), "precision_mode is 'FP8'"),
        (accelerator("tensorrt", max_workspace="1"), "unknown parameter max_workspace"),
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


def test_a_broken_file_is_named(backend: Any, tmp_path: Path) -> None:
    save(tmp_path).write_bytes(b"no network")
    with pytest.raises(backend.ModelError, match=r"cannot load .*1/model\.onnx: "):
        load(backend, tmp_path)


def test_parameters_reach_onnx_runtime(backend: Any) -> None:
    given = {"intra_op_thread_count": "2", "inter_op_thread_count": "1", "execution_mode": "1"}
    options = backend.settings(
        {
            **CONFIG,
            "parameters": {key: {"string_value": value} for key, value in given.items()},
            "optimization": {"graph": {"level": 2}},
        }
    )
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
    assert options.execution_mode == ort.ExecutionMode.ORT_PARALLEL
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert backend.gpu_accelerators(
        accelerator(
            "tensorrt",
            precision_mode="INT8",
            max_workspace_size_bytes="1024",
            trt_engine_cache_enable="1",
        )
    ) == {
        "tensorrt": {
            "trt_int8_enable": "1",
            "trt_max_workspace_size": "1024",
            "trt_engine_cache_enable": "1",
        }
    }
