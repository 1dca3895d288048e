"""Early layers that learn, without labels, to give the maps of others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from training.cli import main
from training.fit.batches import Images
from training.fit.checkpoint import CheckpointError
from training.fit.release import distil
from training.fit.release.recipe import RECIPES
from training.models import applications, backbones

from .conftest import tiny

SHORT = distil.DistilConfig(epochs=3, side=64, batch=8, rate=2e-2)


@pytest.fixture
def teacher(tmp_path: Path) -> distil.Teacher:
    keras.utils.set_random_seed(5)
    path = tmp_path / "teacher.weights.h5"
    tiny(False, None, (224, 224, 3), "x").save_weights(path)
    return distil.Teacher("mobilenet", str(path), ("last",))


def test_the_student_comes_closer_to_its_teacher_and_can_be_started_from(
    images: Images, teacher: distil.Teacher, tmp_path: Path, eagerly: None
) -> None:
    rows: list[dict] = []
    features, history = distil.teach(
        "mobilenet", "last", [teacher], images, tmp_path / "state.npz", SHORT, report=rows.append
    )
    assert rows == history
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    taught = tmp_path / "student.weights.h5"
    features.save_weights(taught)
    served = backbones.build("mobilenet", weights=str(taught), taps=("last",)).served
    inner = served.get_layer("mobilenet_features").get_weights()
    for one, other in zip(inner, features.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_distillation_goes_on_where_it_was_stopped(
    images: Images, teacher: distil.Teacher, tmp_path: Path, eagerly: None
) -> None:
    file = tmp_path / "state.npz"

    def stop(row: dict) -> None:
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    arguments = ("mobilenet", "last", [teacher], images)
    with pytest.raises(KeyboardInterrupt):
        distil.teach(*arguments, file, SHORT, report=stop)
    _, resumed = distil.teach(*arguments, file, SHORT, report=lambda row: None)
    _, whole = distil.teach(*arguments, tmp_path / "new.npz", SHORT, report=lambda row: None)
    assert [row["epoch"] for row in resumed] == [0, 1, 2]
    assert resumed[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=0.02)
    other = dataclasses.replace(SHORT, seed=1)
    with pytest.raises(CheckpointError):
        distil.teach(*arguments, file, other, report=lambda row: None)


def test_the_command_writes_weights_and_their_record(
    split: Path, teacher: distil.Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, "xception", tiny)
    for name in ("mobilenet", "xception"):
        own = dataclasses.replace(RECIPES[name], taps=("last",))
        monkeypatch.setitem(RECIPES, name, own)
    out = tmp_path / "xception.weights.h5"
    arguments = ["distil", "--data", str(split), "--out", str(out), "--epochs", "1"]
    teaching = ["--teacher", f"mobilenet={teacher.weights}"]
    result = CliRunner().invoke(main, [*arguments, *teaching])
    assert result.exit_code == 0, result.output
    assert out.is_file()
    assert '"taps"' in (tmp_path / "xception.json").read_text()
    missing = CliRunner().invoke(main, [*arguments, "--teacher", "mobilenet=none.h5"])
    assert missing.exit_code == 2
    assert "no such file" in missing.output
