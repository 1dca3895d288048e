"""Everything around TensorRT's builder, for real; the builder itself needs a GPU."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from convert import artifacts
from convert.cli import main
from convert.tensorrt import engine_build, engines

H100 = engines.Machine("NVIDIA H100 80GB HBM3", "9.0", "580.65.06", "10.13.3.9")
NAME = "mobilenet-fp16-nvidia-h100-80gb-hbm3-sm90-trt10.13.3.9.plan"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "mobilenet.keras"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def plan(tmp_path: Path, master: Path) -> Path:
    path = tmp_path / NAME
    about = {"master": {"sha256": artifacts.sha256(master)}, "files": {"model.onnx": "0" * 64}}
    engines.write(path, b"engine", "mobilenet", "fp16", H100, about)
    return path


def refused(plan: Path, master: Path, here: engines.Machine = H100) -> str:
    with pytest.raises(engines.EngineError) as caught:
        engines.check(plan, here, master, "mobilenet", "fp16")
    text = str(caught.value)
    assert str(plan.with_suffix("")) in text
    assert "python -m convert tensorrt --backbone mobilenet --precision fp16" in text
    return text


def test_the_name_says_gpu_version_and_precision() -> None:
    assert engines.name("mobilenet", "fp16", H100) == NAME


def test_an_engine_that_was_built_here_fits(plan: Path, master: Path) -> None:
    record = engines.check(plan, H100, master, "mobilenet", "fp16")
    assert record["machine"] == asdict(H100)
    assert record["batch"] == {"min": 1, "opt": 16, "max": 64}


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ({"gpu": "NVIDIA L4"}, "NVIDIA H100 80GB HBM3", "NVIDIA L4"),
        ({"compute_capability": "8.9"}, "9.0", "8.9"),
        ({"tensorrt": "11.4.0.106"}, "10.13.3.9", "11.4.0.106"),
    ],
)
def test_one_that_was_built_elsewhere_is_refused(
    plan: Path, master: Path, change: dict[str, str], found: str, expected: str
) -> None:
    text = refused(plan, master, replace(H100, **change))
    assert "built elsewhere" in text
    assert f"{found}, here {expected}" in text


def test_another_driver_is_no_reason_to_refuse(plan: Path, master: Path) -> None:
    engines.check(plan, replace(H100, driver="999.1"), master, "mobilenet", "fp16")


def test_one_of_another_master_is_refused(plan: Path, master: Path) -> None:
    before = artifacts.sha256(master)
    master.write_bytes(b"retrained")
    text = refused(plan, master)
    assert before[:12] in text
    assert artifacts.sha256(master)[:12] in text


def test_one_that_was_cut_is_refused(plan: Path, master: Path) -> None:
    plan.write_bytes(b"engi")
    assert "changed or cut" in refused(plan, master)


def test_one_of_another_precision_is_refused(plan: Path, master: Path) -> None:
    with pytest.raises(engines.EngineError, match="expected tensorrt mobilenet int8"):
        engines.check(plan, H100, master, "mobilenet", "int8")


@pytest.mark.parametrize("content", ["{", "{}", '{"machine": {"gpu": "x"}}', "[]"])
def test_a_broken_record_is_refused(plan: Path, master: Path, content: str) -> None:
    engines.record_of(plan).write_text(content)
    assert "no record of an engine" in refused(plan, master)


def test_a_missing_engine_and_a_missing_record_are_told(plan: Path, master: Path) -> None:
    engines.record_of(plan).unlink()
    assert "is missing" in refused(plan, master)
    plan.unlink()
    assert "is missing" in refused(plan, master)


def test_the_driver_is_asked_for_the_gpu() -> None:
    said = "NVIDIA H100 80GB HBM3, 9.0, 580.65.06\nNVIDIA L4, 8.9, 580.65.06\n"
    assert engines.machine("10.13.3.9", lambda command: said) == H100


@pytest.mark.parametrize("said", ["", "No devices were found\n"])
def test_a_driver_without_a_gpu_is_told(said: str) -> None:
    with pytest.raises(engines.EngineError, match="no NVIDIA GPU answers here"):
        engines.machine("10", lambda command: said)


def test_no_driver_is_told() -> None:
    def ask(command: tuple[str, ...]) -> str:
        raise subprocess.CalledProcessError(9, command)

    with pytest.raises(engines.EngineError, match="serve ONNX or OpenVINO"):
        engines.machine("10", ask)


def test_the_command_says_what_is_missing_on_a_machine_without_tensorrt(master: Path) -> None:
    try:
        import tensorrt  # noqa: F401
    except (ImportError, OSError):
        pass
    else:
        pytest.skip("TensorRT is installed here")
    result = CliRunner().invoke(main, ["tensorrt", str(master)])
    assert result.exit_code == 1
    assert "TensorRT cannot be imported here" in result.output
    assert "Traceback" not in result.output


class Builder:
    """Instead of ``tensorrt_api.build``: writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, *asked: Any) -> tuple[bytes, bytes]:
        self.asked.append(asked)
        return b"engine", b"times"


def test_an_engine_is_built_once_of_the_checked_model_with_profile_and_cache(
    master_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tf2onnx", reason="ONNX needs the extra 'convert'")
    from convert import making
    from convert import master as masters
    from convert.onnx import onnx_file

    folder = tmp_path / "tiny" / "onnx_fp16"
    whole = onnx_file.export(masters.load(master_file), "0" * 64)
    onnx_file.save(whole, folder)
    making.record(folder, "onnx_fp16", ["model.onnx"], master_file, "FP16")
    build = Builder()
    arguments = ("tiny", master_file, "fp16", tmp_path, tmp_path, H100)
    said = engine_build.engine(*arguments, check=False, build=build)
    plan = tmp_path / "tiny" / "tensorrt" / engines.name("tiny", "fp16", H100)
    assert f"{plan} built" in said
    onnx, tensor, shape, batches, cache = build.asked[0]
    assert onnx == (folder / "model.onnx").read_bytes()
    assert (tensor, shape, batches, cache) == ("PIXELS", (224, 224, 3), (1, 16, 64), b"")
    record = json.loads(engines.record_of(plan).read_text())
    assert record["onnx"] == {"model.onnx": artifacts.sha256(folder / "model.onnx")}

    assert "fits" in engine_build.engine(*arguments, check=False, build=build)
    assert "fits" in engine_build.engine(*arguments, check=True, build=build)
    assert len(build.asked) == 1

    plan.write_bytes(b"cut")
    with pytest.raises(engines.EngineError, match="changed or cut"):
        engine_build.engine(*arguments, check=True, build=build)
    engine_build.engine(*arguments, check=False, build=build)
    assert build.asked[1][4] == b"times", "the timing cache of the first build"

    whole.doc_string = "fitted to other fields"
    onnx_file.save(whole, folder)
    real = {"for_serving": True}
    making.record(folder, "onnx_fp16", ["model.onnx"], master_file, "FP16", **real)
    with pytest.raises(engines.EngineError, match="of another ONNX file"):
        engine_build.engine(*arguments, check=True, build=build)
    assert "built" in engine_build.engine(*arguments, check=False, build=build)
    assert json.loads(engines.record_of(plan).read_text())["for_serving"] is True

    int8 = tmp_path / "tiny" / "onnx_int8"
    onnx_file.save(whole, int8)
    far = {"held_back": ["equal argmax 90.00%"]}
    making.record(int8, "onnx_int8", ["model.onnx"], master_file, "INT8", **far)
    with pytest.raises(engines.EngineError, match=r"equal argmax 90\.00%.*--precision fp16"):
        engine_build.engine(
            "tiny", master_file, "int8", tmp_path, tmp_path, H100, check=False, build=build
        )
    (int8 / "metadata.json").unlink()
    with pytest.raises(artifacts.ArtifactError, match="--precision int8 --data FOLDER"):
        engine_build.engine(
            "tiny", master_file, "int8", tmp_path, tmp_path, H100, check=False, build=build
        )
