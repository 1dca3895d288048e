"""python -m convert parity, on the tiny network and on three of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

onnx = pytest.importorskip("onnx", reason="conversion needs the extra 'convert'")
pytest.importorskip("tf2onnx", reason="conversion needs the extra 'convert'")

from convert import artifacts
from convert.cli import main
from convert.onnx import onnx_file
from convert.parity import parity_vote, runtimes

THREE = ("mobilenet", "xception", "inception_v3")


@pytest.fixture(scope="module")
def masters(master_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network instead of all three."""
    folder = tmp_path_factory.mktemp("masters")
    for name in THREE:
        shutil.copy(master_file, folder / f"{name}.keras")
    return folder


@pytest.fixture(scope="module")
def built(masters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    for command in ("savedmodel", "onnx"):
        arguments = [command, "--all", "--masters", str(masters), "--into", str(folder)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    return folder


def run(masters: Path, built: Path, data: Path, out: Path, *more: str) -> Result:
    only = [text for name in ("savedmodel", "openvino_fp32", "onnx") for text in ("--only", name)]
    places = ["--masters", str(masters), "--from", str(built), "--out", str(out)]
    return CliRunner().invoke(main, ["parity", *places, "--data", str(data), *only, *more])


def test_every_artifact_and_the_vote_stand_in_both_files(
    masters: Path, built: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="conversion needs the extra 'convert'")
    result = run(masters, built, data, tmp_path, "--all")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "parity.json").read_text())
    assert found["images"] == {"part": "test", "count": 12, "source": data.name}
    assert set(found) == {"images", "vote", *THREE}
    for backbone in ("vote", *THREE):
        assert set(found[backbone]) == {"savedmodel", "openvino_fp32", "onnx"}
        for one in found[backbone].values():
            assert one["equal_argmax"] == 1
            assert one["max_abs"] <= 1e-4
            assert one["accuracy_change"] == 0
            assert one["within_limits"] is True
        assert found[backbone]["onnx"]["max_abs"] > 0, "another engine rounds otherwise"
    page = (tmp_path / "parity.md").read_text()
    assert "Not a medical device" in page
    assert f"python -m convert parity --all --data {data.name}" in page
    assert str(data.parent) not in page, "no paths of this machine"


def test_the_vote_is_read_on_other_fields_too(
    masters: Path, built: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="conversion needs the extra 'convert'")
    others = tmp_path / "elsewhere"
    others.mkdir()
    for path in sorted(data.glob("*.png"))[:5]:
        shutil.copy(path, others)
    result = run(masters, built, data, tmp_path, "--all", "--others", str(others))
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "parity.json").read_text())
    readings = found["vote"]["savedmodel"]["readings"]
    assert [(one["source"], one["images"]) for one in readings] == [
        (data.name, 12),
        ("elsewhere", 5),
    ]
    for one in readings:
        assert one["labels_changed"] == one["review_dropped"] == one["review_added"] == 0
        assert one["malignant_unreviewed"] == one["malignant_unreviewed_keras"]
    page = (tmp_path / "parity.md").read_text()
    assert "| elsewhere | savedmodel | 5 | 0 | 0 | 0 |" in page
    assert "--others elsewhere" in page

    empty = tmp_path / "empty"
    empty.mkdir()
    result = run(masters, built, data, tmp_path, "--all", "--others", str(empty))
    assert result.exit_code == 1
    assert f"{empty} has no images" in result.output


def test_readings_count_what_a_pathologist_would_be_told_otherwise() -> None:
    def says(label: str, *review: str) -> SimpleNamespace:
        return SimpleNamespace(label=label, review=review)

    keras = [says("benign"), says("malignant", "disagreement"), says("benign"), says("malignant")]
    mine = [says("malignant"), says("malignant"), says("benign", "low_confidence"), keras[3]]
    found = parity_vote.readings("int8", mine, keras, "fields")
    assert found == ("int8", "fields", 4, 1, 1, 1, 3, 1)


def test_a_missed_limit_ends_with_one_and_says_which(
    masters: Path, built: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="conversion needs the extra 'convert'")
    copy = tmp_path / "built"
    shutil.copytree(built, copy)
    path = copy / "mobilenet" / "onnx" / "model.onnx"
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        value = onnx.numpy_helper.to_array(tensor)
        if value.ndim == 4:
            worse = np.round(value, 1).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(worse, tensor.name))
    onnx_file.save(model, path.parent)
    record = json.loads((path.parent / artifacts.RECORD).read_text())
    record["files"] = {path.name: artifacts.sha256(path)}
    (path.parent / artifacts.RECORD).write_text(json.dumps(record))
    result = run(masters, copy, data, tmp_path, "--backbone", "mobilenet")
    assert result.exit_code == 1
    assert "mobilenet, onnx: largest probability difference" in result.output
    assert "at most 0.0001" in result.output
    assert "mobilenet, savedmodel" not in result.output
    found = json.loads((tmp_path / "parity.json").read_text())
    assert found["mobilenet"]["onnx"]["within_limits"] is False
    assert "**missed**" in (tmp_path / "parity.md").read_text()
    assert "vote" not in found, "one backbone is no vote"

    record["held_back"] = ["known to be far off"]
    (path.parent / artifacts.RECORD).write_text(json.dumps(record))
    result = run(masters, copy, data, tmp_path, "--backbone", "mobilenet")
    assert result.exit_code == 0, result.output
    assert "not for serving: mobilenet, onnx: largest" in result.output
    assert "**not served**, missed" in (tmp_path / "parity.md").read_text()


def test_artifacts_of_another_master_are_refused_before_anything_runs(
    masters: Path, built: Path, data: Path, tmp_path: Path, net: Any
) -> None:
    other = tmp_path / "masters"
    shutil.copytree(masters, other)
    with (other / "xception.keras").open("ab") as file:
        file.write(b"\0")
    result = run(other, built, data, tmp_path, "--all")
    assert result.exit_code == 1
    assert "made of a master with sha256" in result.output
    assert "python -m convert savedmodel --backbone xception" in result.output
    assert "decoding" not in result.output
    assert not (tmp_path / "parity.json").exists()


def test_an_unknown_artifact_is_told_with_the_known_ones(
    masters: Path, built: Path, data: Path, tmp_path: Path
) -> None:
    result = run(masters, built, data, tmp_path, "--all", "--only", "caffe")
    assert result.exit_code == 2
    assert "'caffe'" in result.output
    assert "openvino_int8" in result.output


def test_every_way_is_made_by_a_command_that_exists() -> None:
    for runtime in runtimes.CPU:
        command = runtime.command.format("mobilenet").split()[3]
        assert main.get_command(None, command) is not None, runtime.command  # type: ignore[arg-type]
