"""Writing a repository: what goes where, and what is refused with which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from allclient.contract import BACKBONES, MODELS, Backbone
from convert import repository
from convert.cli import main
from convert.flavours import FLAVOURS, MODEL_REPOSITORY
from convert.inspection import ArtifactError
from convert.repository import RepositoryError

MOBILENET, GPU_ONNX, DEFAULT = Backbone.MOBILENET, FLAVOURS["gpu_onnx"], FLAVOURS["default"]


@pytest.fixture
def built(tmp_path: Path, save_ir: Any, save_onnx: Any) -> Path:
    """IR and ONNX of all three voters."""
    for backbone in BACKBONES:
        save_ir(tmp_path / "built" / backbone.value, backbone)
        save_onnx(tmp_path / "built" / backbone.value, backbone)
    return tmp_path / "built"


def write(out: Path, built: Path, *flavours: Any, masters: Path | None = None) -> None:
    repository.write(out, flavours, built, masters=masters or built / "no-masters")


def test_it_is_the_checkouts_with_the_flavours_files_alone(tmp_path: Path, built: Path) -> None:
    out = tmp_path / "models"
    write(out, built, GPU_ONNX)
    assert {path.name for path in out.iterdir()} == {*MODELS, "repository.json"}
    for backbone in BACKBONES:
        version = out / backbone.value / "1"
        assert [path.name for path in version.iterdir()] == ["model.onnx"]
        source = built / backbone.value / "model.onnx"
        assert (version / "model.onnx").read_bytes() == source.read_bytes()
    for name in ("vote/1/policy.json", "vote/config.pbtxt", "mobilenet/configs/gpu_onnx.pbtxt"):
        assert (out / name).read_bytes() == (MODEL_REPOSITORY / name).read_bytes()
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
    assert files == {"model.xml", "model.bin", "model.onnx"}
    write(out, built, DEFAULT)
    assert {path.name for path in (out / "mobilenet" / "1").iterdir()} == {"model.xml", "model.bin"}


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


def spoil_onnx(built: Path, content: bytes | None) -> None:
    path = built / "mobilenet" / "model.onnx"
    path.unlink() if content is None else path.write_bytes(content)


class TestRefused:
    """Each names the file, what was found, what was expected and the command that mends it."""

    @pytest.mark.parametrize("name", FLAVOURS)
    def test_a_missing_artifact(self, tmp_path: Path, name: str) -> None:
        flavour = FLAVOURS[name]
        with pytest.raises(ArtifactError) as caught:
            write(tmp_path / "models", tmp_path / "nothing", flavour)
        said = str(caught.value)
        assert f"nothing/mobilenet/{flavour.artifact}: found nothing there, expected" in said
        assert said.endswith(f"mend it: python -m convert {flavour.command} --all")
        assert not (tmp_path / "models").exists()

    def test_weights_that_an_ir_lacks(self, tmp_path: Path, built: Path) -> None:
        (built / "xception" / "model.bin").unlink()
        with pytest.raises(ArtifactError, match=r"xception/model\.bin: found nothing there"):
            write(tmp_path / "models", built, DEFAULT)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path, built: Path) -> None:
        spoil_onnx(built, b"no network")
        with pytest.raises(
            ArtifactError,
            match=r"mobilenet/model\.onnx: found it cannot be read.*expected the ONNX file.*"
            "convert onnx --all",
        ):
            write(tmp_path / "models", built, GPU_ONNX)

    def test_an_empty_plan_and_a_file_in_place_of_a_folder(self, tmp_path: Path) -> None:
        for backbone in BACKBONES:
            folder = tmp_path / "built" / backbone.value
            folder.mkdir(parents=True)
            (folder / "model.plan").touch()
            (folder / "model.saved_model").touch()
        with pytest.raises(ArtifactError, match=r"model\.plan: found an empty file.*TensorRT plan"):
            write(tmp_path / "models", tmp_path / "built", FLAVOURS["gpu"])
        with pytest.raises(ArtifactError, match=r"model\.saved_model: found a file, .*SavedModel"):
            write(tmp_path / "models", tmp_path / "built", FLAVOURS["savedmodel"])

    def test_a_network_of_another_shape(self, tmp_path: Path, built: Path, save_ir: Any) -> None:
        save_ir(built / "mobilenet", MOBILENET, cam=(3, 5, 4))
        with pytest.raises(
            ArtifactError,
            match=r"mobilenet/model\.xml: found the outputs CAM FP32 \[n, 3, 5, 4\].*"
            r"expected CAM FP32.*LOGITS FP32 \[n, 4\].*convert openvino --all",
        ):
            write(tmp_path / "models", built, DEFAULT)

    def test_a_fixed_batch(self, tmp_path: Path, built: Path, save_ir: Any) -> None:
        save_ir(built / "mobilenet", MOBILENET, batch=1)
        with pytest.raises(ArtifactError, match="its PIXELS has a fixed batch of 1"):
            write(tmp_path / "models", built, DEFAULT)

    def test_one_made_from_another_master(self, tmp_path: Path, built: Path) -> None:
        masters = tmp_path / "masters"
        masters.mkdir()
        (masters / "mobilenet.keras").write_bytes(b"this one")
        record = built / "mobilenet" / "model.onnx.json"
        record.write_text(json.dumps({"master": {"sha256": "0" * 64}}))
        with pytest.raises(
            ArtifactError,
            match=r"model\.onnx: found made from a master with SHA-256 000000000000, expected "
            r"[0-9a-f]{12}, that of .*masters/mobilenet\.keras; mend it: .*onnx --all",
        ):
            write(tmp_path / "models", built, GPU_ONNX, masters=masters)
        record.write_text("{")
        with pytest.raises(ArtifactError, match=r"model\.onnx\.json: found no JSON.*mend it"):
            write(tmp_path / "models", built, GPU_ONNX, masters=masters)


class TestCommand:
    def test_it_writes_and_says_what_the_check_cannot_do(self, tmp_path: Path) -> None:
        for backbone in BACKBONES:
            folder = tmp_path / "built" / backbone.value
            folder.mkdir(parents=True)
            (folder / "model.plan").write_bytes(b"a plan")
        done = CliRunner().invoke(
            main,
            [
                "repository",
                "--flavour=gpu",
                "--check",
                f"--out={tmp_path}/models",
                f"--artifacts={tmp_path}/built",
            ],
        )
        assert done.exit_code == 0, done.output
        assert "models written for gpu" in done.output
        assert "gpu: files are complete; not loaded, because" in done.output

    def test_what_is_missing_is_told_in_one_sentence(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            main,
            f"repository --flavour gpu_onnx --out {tmp_path}/models --artifacts {tmp_path}",
        )
        assert done.exit_code == 1
        assert done.output.startswith("Error: ")
        assert done.output.count("\n") == 1
