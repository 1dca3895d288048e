"""Studies with real trainings of a tiny network on noise images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")
optuna = pytest.importorskip("optuna")

from click.testing import CliRunner, Result

from training.cli import main
from training.fit.whole import epochs
from training.models import applications


def tiny(include_top, weights, input_shape, name):
    given = keras.Input(input_shape)
    maps = keras.layers.Conv2D(8, 3, 4, padding="same", activation="relu")(given)
    return keras.Model(given, keras.layers.Conv2D(8, 3, 4, name="last")(maps), name=name)


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(applications.APPLICATIONS, "mobilenet", tiny)
    if keras.config.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.run_functions_eagerly(True)
        yield
        tensorflow.config.run_functions_eagerly(False)
    else:
        yield


def tune(data: Path, runs: Path, *arguments: object) -> Result:
    whole = ("--learn", "all", "--epochs", 1, "--side", 16, "--factor", "batch=4")
    return command(data, runs, *whole, "--factor", "rate=1e-4:1e-1:log", *arguments)


def command(data: Path, runs: Path, *arguments: object) -> Result:
    given = ("tune", "--data", data, "--runs", runs, "--name", "study", *arguments)
    return CliRunner().invoke(main, [str(argument) for argument in given])


def summary(runs: Path) -> dict:
    return json.loads((runs / "tune" / "study" / "study.json").read_text())


def test_a_search_goes_on_where_it_was_and_refuses_other_settings(
    split: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    first = tune(split, runs, "--trials", 2)
    assert first.exit_code == 0, first.output
    earlier = summary(runs)["trials"]
    assert len(earlier) == 2
    assert tune(split, runs, "--trials", 3).exit_code == 0
    found = summary(runs)
    assert found["trials"][:2] == earlier
    assert len(found["trials"]) == 3
    values = [each["value"] for each in found["trials"]]
    assert found["best"]["value"] == min(values)
    assert len({each["params"]["rate"] for each in found["trials"]}) == 3
    assert found["settings"]["recipe"]["batch"] == 4
    assert found["settings"]["objective"] == "val_loss"
    other = tune(split, runs, "--trials", 3, "--seed", 1)
    assert other.exit_code == 1
    assert "a study with another seed; give another --name" in other.output
    assert not list(runs.rglob("checkpoint.npz"))


def test_a_trial_that_was_killed_is_taken_up_again_with_its_settings(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"

    def stop(self, epoch, number, stage):
        self._save()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epochs._Training, "_close", stop)
        assert tune(split, runs, "--trials", 1).exit_code != 0
    storage = f"sqlite:///{runs / 'tune' / 'study' / 'study.db'}"
    (killed,) = optuna.load_study(study_name=None, storage=storage).trials
    assert len(list(runs.rglob("checkpoint.npz"))) == 1
    assert tune(split, runs, "--trials", 1).exit_code == 0
    (done,) = summary(runs)["trials"]
    assert done["params"] == killed.params
    assert len(list(runs.rglob("history.json"))) == 1
    assert not list(runs.rglob("checkpoint.npz"))


def test_a_loss_that_is_no_number_prunes_its_trial_and_not_the_study(
    split: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    result = tune(split, runs, "--trials", 1, "--factor", "weight_decay=1e38,1e37")
    assert result.exit_code == 0, result.output
    (trial,) = summary(runs)["trials"]
    assert trial["state"] == "pruned"
    assert summary(runs)["best"] is None


def test_what_cannot_be_searched_is_said_in_one_sentence(split: Path, tmp_path: Path) -> None:
    for arguments, code, message in (
        (("--factor", "colour=1:2"), 1, "'colour' is none of the settings"),
        (("--factor", "dropout=0.1:0.2"), 1, "give --weights imagenet or PATH"),
        (("--weights", "imagenet", "--side", 32), 2, "are for whole backbones"),
        (("--learn", "all", "--factor", "dropout=0.1"), 1, "needs a factor that varies"),
        (("--learn", "all", "--factor", "views=1,2"), 1, "only for a head"),
    ):
        result = command(split, tmp_path / "runs", *arguments, "--trials", 1)
        assert (result.exit_code, message in result.output) == (code, True), result.output
