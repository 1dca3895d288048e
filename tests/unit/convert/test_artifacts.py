"""A wrong, missing or foreign artifact: the error names the file, both sides and the way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convert import artifacts

COMMAND = "python -m convert onnx --backbone mobilenet"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "mobilenet.keras"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def folder(tmp_path: Path, master: Path) -> Path:
    folder = tmp_path / "onnx"
    (folder / "variables").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "variables" / "one").write_bytes(b"1")
    about = {"file": master.name, "sha256": artifacts.sha256(master)}
    artifacts.write(folder, "onnx", ["model.onnx", "variables"], about, precision="FP32")
    return folder


def refused(folder: Path, master: Path, kind: str = "onnx") -> str:
    with pytest.raises(artifacts.ArtifactError) as caught:
        artifacts.check(folder, kind, master, COMMAND)
    return str(caught.value)


def test_what_is_as_its_record_says_is_taken(folder: Path, master: Path) -> None:
    record = artifacts.check(folder, "onnx", master, COMMAND)
    assert record["precision"] == "FP32"
    assert set(record["files"]) == {"model.onnx", "variables/one"}


@pytest.mark.parametrize("name", ["model.onnx", "variables/one"])
def test_a_missing_file(folder: Path, master: Path, name: str) -> None:
    (folder / name).unlink()
    text = refused(folder, master)
    assert str(folder / name) in text
    assert COMMAND in text


def test_a_missing_folder(tmp_path: Path, master: Path) -> None:
    text = refused(tmp_path / "nothing", master)
    assert str(tmp_path / "nothing") in text
    assert COMMAND in text


def test_a_changed_or_cut_file(folder: Path, master: Path) -> None:
    expected = artifacts.sha256(folder / "model.onnx")
    (folder / "model.onnx").write_bytes(b"mode")
    text = refused(folder, master)
    assert artifacts.sha256(folder / "model.onnx")[:12] in text
    assert expected[:12] in text
    assert COMMAND in text


def test_another_kind(folder: Path, master: Path) -> None:
    assert "'onnx', expected 'savedmodel'" in refused(folder, master, "savedmodel")


def test_another_master(folder: Path, master: Path) -> None:
    before = artifacts.sha256(master)
    master.write_bytes(b"retrained")
    text = refused(folder, master)
    assert before[:12] in text
    assert artifacts.sha256(master)[:12] in text
    assert COMMAND in text


def test_a_missing_master(folder: Path, master: Path) -> None:
    master.unlink()
    assert f"{master} is missing" in refused(folder, master)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"files": {}}'])
def test_a_broken_record(folder: Path, master: Path, content: str) -> None:
    (folder / artifacts.RECORD).write_text(content)
    text = refused(folder, master)
    assert artifacts.RECORD in text
    assert COMMAND in text


def test_the_record_names_what_it_was_made_with() -> None:
    found = artifacts.versions("pytest", "a-package-that-nobody-has")
    assert found == {"pytest": pytest.__version__}
    json.dumps(found)
