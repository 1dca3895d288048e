"""Writing a repository: what goes where, and what is refused with which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from allclient import release
from allclient.contract import BACKBONES, MODELS, SIDE, Backbone
from convert import artifacts
from convert.artifacts import ArtifactError
from convert.cli import main
from convert.repository import writer
from convert.repository.flavours import FLAVOURS
from convert.repository.writer import RepositoryError
from convert.tensorrt import engine_build, engines
from toolkit import served
from toolkit.served import MODEL_REPOSITORY

MOBILENET, GPU_ONNX, DEFAULT = Backbone.MOBILENET, FLAVOURS["gpu_onnx"], FLAVOURS["default"]


HERE = engines.Machine("NVIDIA Test 80GB", "9.0", "580.1", "11.0.0")


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


def record(folder: Path, kind: str, files: list[str], master: Path, **more: Any) -> None:
    about = {"file": master.name, "sha256": artifacts.sha256(master)}
    artifacts.write(folder, kind, files, about, **more)


@pytest.fixture
def masters(tmp_path: Path) -> Path:
    """Files instead of the three masters: only their hashes matter here."""
    folder = tmp_path / "masters"
    folder.mkdir()
    for backbone in BACKBONES:
        (folder / f"{backbone.value}.keras").write_bytes(backbone.value.encode())
    return folder


@pytest.fixture
def built(tmp_path: Path, masters: Path, save_ir: Any, save_onnx: Any) -> Path:
    """IR and ONNX of all three voters, with their records."""
    for backbone in BACKBONES:
        folder = tmp_path / "built" / backbone.value
        master = masters / f"{backbone.value}.keras"
        save_ir(folder / "openvino_int8", backbone)
        record(folder / "openvino_int8", "openvino_int8", ["model.xml", "model.bin"], master)
        save_onnx(folder / "onnx", backbone)
        record(folder / "onnx", "onnx", ["model.onnx"], master)
    return tmp_path / "built"


def write(out: Path, built: Path, *flavours: Any) -> None:
    writer.write(out, flavours, built, masters=built.parent / "masters")


def test_it_is_the_checkouts_with_the_flavours_files_alone(tmp_path: Path, built: Path) -> None:
    out = tmp_path / "models"
    write(out, built, GPU_ONNX)
    assert {path.name for path in out.iterdir()} == {*MODELS, "repository.json"}
    for backbone in BACKBONES:
        version = out / backbone.value / "1"
        assert {path.name for path in version.iterdir()} == {"model.onnx", "model.onnx.json"}
        source = built / backbone.value / "onnx" / "model.onnx"
        assert (version / "model.onnx").read_bytes() == source.read_bytes()
    for name in (
        "vote/1/policy.json",
        "mobilenet/configs/gpu_onnx.pbtxt",
        "cells/1/features.onnx",
        "cells/1/metadata.json",
    ):
        assert (out / name).read_bytes() == (MODEL_REPOSITORY / name).read_bytes()
    config = (MODEL_REPOSITORY / "vote/config.pbtxt").read_text("utf-8")
    named = release.stamped(config, release.digest(out))
    assert (out / "vote/config.pbtxt").read_text("utf-8") == named
    record = json.loads((out / "repository.json").read_text())
    assert record["complete"]
    assert record["flavours"] == ["gpu_onnx"]
    assert set(record["sha256"]) == {f"{backbone.value}/model.onnx" for backbone in BACKBONES}


def test_several_flavours_share_a_repository_and_a_second_run_replaces_it(
    tmp_path: Path, built: Path
) -> None:
    out = tmp_path / "models"
    write(out, built, GPU_ONNX)
    write(out, built, DEFAULT, GPU_ONNX)
    files = {path.name for path in (out / "mobilenet" / "1").iterdir()}
    default = {"model.xml", "model.bin", "metadata.json"}
    assert files == {*default, "model.onnx", "model.onnx.json"}
    write(out, built, DEFAULT)
    assert {path.name for path in (out / "mobilenet" / "1").iterdir()} == default


def test_another_policy_is_put_in_and_a_broken_one_writes_nothing(
    tmp_path: Path, built: Path
) -> None:
    own = json.loads((MODEL_REPOSITORY / "vote/1/policy.json").read_text())
    own["temperature"]["mobilenet"] = 3.25
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(own))
    out = tmp_path / "models"
    writer.write(out, [DEFAULT], built, masters=built.parent / "masters", policy=policy)
    assert (out / "vote/1/policy.json").read_bytes() == policy.read_bytes()
    assert served.temperature(out) == own["temperature"]
    policy.write_text('{"version": 0}')
    with pytest.raises(ValueError, match="the policy has version 0"):
        writer.write(
            tmp_path / "other", [DEFAULT], built, masters=built.parent / "masters", policy=policy
        )
    assert not (tmp_path / "other").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, built: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine").touch()
    with pytest.raises(RepositoryError, match=r"models is not empty and has no repository\.json"):
        write(tmp_path / "models", built, GPU_ONNX)
    with pytest.raises(RepositoryError, match="is the repository that is copied"):
        write(MODEL_REPOSITORY, built, GPU_ONNX)
    (tmp_path / "file").touch()
    with pytest.raises(RepositoryError, match="file is a file"):
        write(tmp_path / "file", built, GPU_ONNX)


class TestRefused:
    """Each names the file, what was found, what was expected and the command that mends it."""

    @pytest.mark.parametrize("name", ["default", "savedmodel", "gpu_onnx"])
    def test_a_missing_artifact(self, tmp_path: Path, name: str) -> None:
        flavour = FLAVOURS[name]
        with pytest.raises(ArtifactError) as caught:
            write(tmp_path / "models", tmp_path / "nothing", flavour)
        said = str(caught.value)
        assert "nothing/mobilenet/" in said
        assert f"{flavour.artifact}: found nothing there, expected" in said
        assert said.endswith(f"mend it: {flavour.makes}")
        assert flavour.makes.startswith(f"python -m convert {flavour.command} --all")
        assert not (tmp_path / "models").exists()

    def test_weights_that_an_ir_lacks(self, tmp_path: Path, built: Path) -> None:
        (built / "xception" / "openvino_int8" / "model.bin").unlink()
        with pytest.raises(ArtifactError, match=r"openvino_int8/model\.bin: found nothing there"):
            write(tmp_path / "models", built, DEFAULT)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path, built: Path) -> None:
        (built / "mobilenet" / "onnx" / "model.onnx").write_bytes(b"no network")
        with pytest.raises(
            ArtifactError,
            match=r"onnx/model\.onnx: found it cannot be read.*expected the ONNX file.*"
            "convert onnx --all",
        ):
            write(tmp_path / "models", built, GPU_ONNX)

    def test_a_file_in_place_of_a_folder(self, tmp_path: Path) -> None:
        for backbone in BACKBONES:
            (tmp_path / "built" / backbone.value).mkdir(parents=True)
            (tmp_path / "built" / backbone.value / "model.saved_model").touch()
        with pytest.raises(ArtifactError, match=r"model\.saved_model: found a file, .*SavedModel"):
            write(tmp_path / "models", tmp_path / "built", FLAVOURS["savedmodel"])

    def test_a_network_of_another_shape(self, tmp_path: Path, built: Path, save_ir: Any) -> None:
        save_ir(built / "mobilenet" / "openvino_int8", MOBILENET, cam=(3, 5, 4))
        with pytest.raises(
            ArtifactError,
            match=r"model\.xml: found the outputs CAM FP32 \[n, 3, 5, 4\].*"
            r"expected CAM FP32.*LOGITS FP32 \[n, 4\].*convert openvino --all",
        ):
            write(tmp_path / "models", built, DEFAULT)

    def test_a_fixed_batch(self, tmp_path: Path, built: Path, save_ir: Any) -> None:
        save_ir(built / "mobilenet" / "openvino_int8", MOBILENET, batch=1)
        with pytest.raises(ArtifactError, match="its PIXELS has a fixed batch of 1"):
            write(tmp_path / "models", built, DEFAULT)

    def test_one_made_from_another_master(self, tmp_path: Path, built: Path, masters: Path) -> None:
        (masters / "mobilenet.keras").write_bytes(b"trained anew")
        with pytest.raises(
            ArtifactError, match=r"mobilenet/onnx was made of a master with .*onnx --all"
        ):
            write(tmp_path / "models", built, GPU_ONNX)

    def test_one_fitted_to_drawn_fields(self, tmp_path: Path, built: Path, masters: Path) -> None:
        folder, files = built / "mobilenet" / "openvino_int8", ["model.xml", "model.bin"]
        master = masters / "mobilenet.keras"
        record(folder, "openvino_int8", files, master, for_serving=False)
        with pytest.raises(
            ArtifactError, match=r"fitted to drawn fields, .*openvino --all --data FOLDER"
        ):
            write(tmp_path / "models", built, DEFAULT)


class TestPlans:
    @pytest.fixture
    def plans(self, built: Path, masters: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Engines as the builder leaves them, and a machine that they fit."""
        monkeypatch.setattr(engine_build, "this_machine", lambda: HERE)
        for backbone in BACKBONES:
            self.save(built, masters, backbone, HERE)
        return built

    def save(
        self,
        built: Path,
        masters: Path,
        backbone: Backbone,
        machine: engines.Machine,
        for_serving: bool = True,
    ) -> Path:
        plan = built / backbone.value / "tensorrt" / engines.name(backbone.value, "fp16", HERE)
        master = {"sha256": artifacts.sha256(masters / f"{backbone.value}.keras")}
        about = {"master": master, "files": {}, "for_serving": for_serving}
        engines.write(plan, b"a plan", backbone.value, "fp16", machine, about)
        return plan

    def test_the_one_of_this_machine_is_served_under_one_name(
        self, tmp_path: Path, plans: Path
    ) -> None:
        done = CliRunner().invoke(
            main,
            [
                "repository",
                "--flavour=gpu",
                "--check",
                f"--out={tmp_path / 'models'}",
                f"--artifacts={plans}",
                f"--masters={tmp_path / 'masters'}",
            ],
        )
        assert done.exit_code == 0, done.output
        assert "models written for gpu" in done.output
        assert "gpu: files are complete; not loaded, because" in done.output
        version = tmp_path / "models" / "mobilenet" / "1"
        assert (version / "model.plan").read_bytes() == b"a plan"
        assert json.loads((version / "model.plan.json").read_text())["machine"]["gpu"] == HERE.gpu

    def test_one_built_elsewhere_is_refused(
        self, tmp_path: Path, plans: Path, masters: Path
    ) -> None:
        other = engines.Machine("NVIDIA Other", "8.0", "580.1", "10.9.0")
        self.save(plans, masters, MOBILENET, other)
        with pytest.raises(
            engines.EngineError, match=r"built elsewhere: GPU NVIDIA Other, here.*convert tensorrt"
        ):
            write(tmp_path / "models", plans, FLAVOURS["gpu"])

    def test_one_whose_head_was_fitted_to_drawn_fields(
        self, tmp_path: Path, plans: Path, masters: Path
    ) -> None:
        self.save(plans, masters, MOBILENET, HERE, for_serving=False)
        with pytest.raises(
            ArtifactError, match=r"\.plan is not for serving.*FOLDER, then .*convert tensorrt"
        ):
            write(tmp_path / "models", plans, FLAVOURS["gpu"])

    def test_a_missing_one(self, tmp_path: Path, plans: Path, masters: Path) -> None:
        self.save(plans, masters, MOBILENET, HERE).unlink()
        with pytest.raises(engines.EngineError, match=r"\.plan is missing; .*convert tensorrt"):
            write(tmp_path / "models", plans, FLAVOURS["gpu"])


class TestCommand:
    def test_what_is_missing_is_told_in_one_sentence(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            main,
            f"repository --flavour gpu_onnx --out {tmp_path}/models --artifacts {tmp_path}",
        )
        assert done.exit_code == 1
        assert done.output.startswith("Error: ")
        assert done.output.count("\n") == 1
