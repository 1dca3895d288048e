"""Settings of a machine reach the copy of a repository, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import overlay
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

ROOT = Path(__file__).parents[3]

REPOSITORY = Path(__file__).parents[3] / "model_repository"
SETTINGS = {
    "mobilenet": {
        "instances": 3,
        "parameters": {"INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": None},
        "preferred_batch_size": [4, 8],
        "max_queue_delay_microseconds": 500,
    },
    "preprocess": {"instances": 1},
}


def config(path: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())


def test_a_copy_has_the_settings_and_all_else_of_the_repository(tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in REPOSITORY.rglob("*.pbtxt")}
    copied = overlay.copy(REPOSITORY, tmp_path / "models", SETTINGS)
    assert {path: path.read_bytes() for path in before} == before
    mobilenet = config(copied / "mobilenet" / "config.pbtxt")
    assert [group.count for group in mobilenet.instance_group] == [3]
    assert mobilenet.parameters["INFERENCE_NUM_THREADS"].string_value == "1"
    assert "INFERENCE_PRECISION_HINT" not in mobilenet.parameters
    assert list(mobilenet.dynamic_batching.preferred_batch_size) == [4, 8]
    assert mobilenet.dynamic_batching.max_queue_delay_microseconds == 500
    for path in REPOSITORY.glob("*/config.pbtxt"):
        mine = config(copied / path.parent.name / "config.pbtxt")
        if path.parent.name not in SETTINGS:
            assert mine == config(path)
        for field in ("name", "backend", "input", "output"):
            assert getattr(mine, field) == getattr(config(path), field)


def test_later_settings_hold_and_parameters_are_merged_one_by_one() -> None:
    base = {"xception": {"instances": 1, "parameters": {"NUM_STREAMS": "1"}}}
    change = {"xception": {"instances": 2, "parameters": {"INFERENCE_NUM_THREADS": "2"}}}
    assert overlay.merged(base, change) == {
        "xception": {
            "instances": 2,
            "parameters": {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "2"},
        }
    }
    assert base["xception"] == {"instances": 1, "parameters": {"NUM_STREAMS": "1"}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"vgg": {"instances": 1}}, "no such model"), ({"vote": {"threads": 2}}, "unknown settings")],
)
def test_what_nobody_knows_is_refused(
    settings: overlay.Overlay, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        overlay.copy(REPOSITORY, tmp_path / "models", settings)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_file_that_is_no_overlay_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"settings\.json is no overlay"):
        overlay.read(path)
