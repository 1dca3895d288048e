"""From a folder of images to master, record and TensorBoard files, by the command line."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from tensorboardX.proto.event_pb2 import Event

from training.cli import main
from training.data import protocols
from training.data.protocols import Fold
from training.fit.whole import epochs
from training.models import applications, masters


def run(data: Path, *arguments: object) -> Result:
    whole = ("--learn", "all", "--stage", "16:2:1e-3", "--batch", 4)
    return command("--data", data, *whole, *arguments)


def command(*arguments: object) -> Result:
    given = ("fit", *arguments)
    return CliRunner().invoke(main, [str(argument) for argument in given])


def scalars(folder: Path) -> list[tuple[int, str]]:
    """Step and name of every scalar in the event files of ``folder``, from their plain records."""
    found = []
    for file in folder.iterdir():
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            found += [(event.step, value.tag) for value in event.summary.value]
            content = content[16 + length :]
    return sorted(found)


@pytest.fixture(autouse=True)
def fast(eagerly: None) -> None:
    """All trainings here are a few steps long."""


def test_one_command_trains_on_a_fold_and_says_beside_the_master_how(
    split: Path, tmp_path: Path
) -> None:
    settings = ("--backbone", "mobilenet", "--runs", tmp_path / "runs", "--ema", 0.9, "--seed", 5)
    result = run(split, *settings, "--augment", "hue_degrees=7")
    assert result.exit_code == 0, result.output
    out = tmp_path / "runs" / "known" / "known" / "mobilenet"
    assert sorted(path.name for path in out.iterdir()) == [
        "mobilenet.json",
        "mobilenet.keras",
        "tensorboard",
    ]
    record = json.loads((out / "mobilenet.json").read_text())
    assert record["way"] == record["fold"] == "known"
    assert record["seed"] == 5
    assert record["recipe"]["ema"] == 0.9
    assert record["recipe"]["augment"]["hue_degrees"] == 7
    assert record["data"]["parts"]["train"]["images"] == 8  # two of three: one is guard
    assert record["data"]["parts"]["val"]["slides"] == [
        "Benign-S01",
        "Early-S01",
        "Pre-S01",
        "Pro-S01",
    ]
    assert [row["epoch"] for row in record["history"]] == [0, 1]
    net = masters.load(out / "mobilenet.keras")
    assert record["parameters"] == net.count_params()
    assert scalars(out / "tensorboard") == [
        (epoch, name) for epoch in (0, 1) for name in sorted(set(record["history"][0]) - {"epoch"})
    ]


def test_the_same_command_again_leaves_a_finished_training_and_refuses_another(
    split: Path, tmp_path: Path
) -> None:
    settings = ("--backbone", "mobilenet", "--out", tmp_path / "out")
    assert run(split, *settings).exit_code == 0
    master = tmp_path / "out" / "mobilenet.keras"
    before = (master.stat().st_mtime_ns, hashlib.sha256(master.read_bytes()).hexdigest())
    again = run(split, *settings)
    assert again.exit_code == 0
    assert "finished" in again.output
    other = run(split, *settings, "--seed", 1, "--dropout", 0.5)
    assert other.exit_code == 1
    assert "another dropout, seed; give another --out" in other.output
    assert before == (master.stat().st_mtime_ns, hashlib.sha256(master.read_bytes()).hexdigest())


def test_a_stopped_command_goes_on_and_its_board_has_every_epoch_once(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("--backbone", "mobilenet", "--out", tmp_path / "out")
    close = epochs._Training._close

    def stop(self, epoch, number, stage):
        if epoch == 1:
            raise KeyboardInterrupt
        close(self, epoch, number, stage)

    with monkeypatch.context() as patch:
        patch.setattr(epochs._Training, "_close", stop)
        assert run(split, *settings).exit_code != 0
    assert (tmp_path / "out" / "checkpoint.npz").is_file()
    assert run(split, *settings).exit_code == 0
    record = json.loads((tmp_path / "out" / "mobilenet.json").read_text())
    assert [row["epoch"] for row in record["history"]] == [0, 1]
    steps = [step for step, name in scalars(tmp_path / "out" / "tensorboard") if name == "loss"]
    assert steps == [0, 1]


def test_the_record_names_the_starting_weights_by_their_hash(split: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert run(split, "--backbone", "mobilenet", "--out", first, "--seed", 9).exit_code == 0
    master = first / "mobilenet.keras"
    out = tmp_path / "second"
    result = run(split, "--backbone", "mobilenet", "--out", out, "--weights", master)
    assert result.exit_code == 0, result.output
    origin = json.loads((out / "mobilenet.json").read_text())["starting_weights"]
    assert origin["kind"] == "master"
    assert origin["sha256"] == hashlib.sha256(master.read_bytes()).hexdigest()
    assert origin["seed"] == 9


def test_another_keras_application_is_trained_by_its_name(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = applications.APPLICATIONS["mobilenet"]
    monkeypatch.setattr(
        keras.applications,
        "EfficientNetB0",
        lambda include_top, weights, input_shape, name: small(
            include_top, weights, input_shape, name
        ),
    )
    result = run(split, "--backbone", "EfficientNetB0", "--runs", tmp_path / "runs")
    assert result.exit_code == 0, result.output
    net = masters.load(tmp_path / "runs/known/known/EfficientNetB0/EfficientNetB0.keras")
    answer = net.predict_on_batch(np.zeros((1, 224, 224, 3), np.uint8))
    assert set(answer) == {"LOGITS", "CAM"}


def test_the_head_alone_is_fitted_on_starting_weights(split: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.weights.h5"
    features = applications.APPLICATIONS["mobilenet"](False, None, (224, 224, 3), "x")
    features.save_weights(start)
    settings = ("--backbone", "mobilenet", "--data", split, "--runs", tmp_path, "--tap", "last")
    refused = command(*settings)
    assert refused.exit_code == 1
    assert "give --weights imagenet or PATH" in refused.output
    result = command(*settings, "--weights", start, "--views", 1)
    assert result.exit_code == 0, result.output
    net = masters.load(tmp_path / "known/known/mobilenet/mobilenet.keras")
    kept = [np.array(weight) for weight in net.get_layer("mobilenet_features").weights]
    for weight, own in zip(kept, features.get_weights(), strict=True):
        np.testing.assert_allclose(weight, own, rtol=1e-3, atol=1e-6)
    record = json.loads((tmp_path / "known/known/mobilenet/mobilenet.json").read_text())
    assert record["recipe"]["views"] == 1
    assert record["starting_weights"]["kind"] == "feature extractor"
    assert list((tmp_path / "features").glob("mobilenet-*.npz"))


def test_of_several_folds_one_must_be_named(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folds(root, protocol, *, seed=0, left_out=None):
        return [Fold(name, {}) for name in left_out or ("Benign-S01", "Early-S02")]

    monkeypatch.setattr(protocols, "folds", folds)
    settings = ("--backbone", "mobilenet", "--runs", tmp_path, "--protocol", "slides")
    result = run(split, *settings)
    assert result.exit_code == 1
    assert "Benign-S01, Early-S02; name one by --fold" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--backbone", "VGG99"), 1, "there is no backbone 'VGG99'"),
        (("--backbone", "mobilenet", "--fold", "Other"), 1, "has the folds known; name one"),
        (("--backbone", "mobilenet", "--ema", "2"), 1, "ema is 2.0"),
        (("--backbone", "mobilenet", "--augment", "hue=2"), 2, "'hue' is none of"),
        (("--backbone", "mobilenet", "--augment", "blur=much"), 2, "'blur=much' is not"),
        (("--backbone", "mobilenet", "--weights", "x.keras"), 1, "x.keras: no such file"),
        (("--backbone", "mobilenet", "--runs", "x"), 2, "either --runs or --out"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    split: Path, tmp_path: Path, arguments: tuple, code: int, message: str
) -> None:
    result = run(split, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == code
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_folder_without_split_cannot_be_trained_on_for_known_slides(
    folders: Path, tmp_path: Path
) -> None:
    result = run(folders, "--backbone", "mobilenet", "--runs", tmp_path / "runs")
    assert result.exit_code == 1
    assert "python -m training split" in result.output
    assert (
        run(
            folders, "--backbone", "mobilenet", "--runs", tmp_path, "--protocol", "random"
        ).exit_code
        == 0
    )
