"""The network that says how cells look, made of the released master and training images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx", reason="conversion needs the extra 'convert'")
pytest.importorskip("keras", reason="conversion needs the extra 'convert'")
pytest.importorskip("tf2onnx", reason="conversion needs the extra 'convert'")

from convert import artifacts
from convert.cli import main
from convert.onnx import make_features
from samples import render
from toolkit.served import MODEL_REPOSITORY

MASTER = Path(__file__).parents[3] / "training" / "masters" / "mobilenet.keras"


def test_after_the_projection_every_axis_counts_the_same() -> None:
    random = np.random.default_rng(0)
    cells = random.normal(size=(500, 6)) * (9, 5, 1, 0.5, 0.1, 1e-4) @ random.normal(size=(6, 6))
    found = make_features.projection((cells + 3).astype(np.float32), 4)
    turned = (cells + 3) @ found.kernel + found.bias
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(turned, rowvar=False), np.eye(4), atol=1e-3)
    assert 0.99 < found.share < 1


def test_too_few_cells_and_cells_that_are_all_alike() -> None:
    with pytest.raises(make_features.FeaturesError, match="6 cells are too few"):
        make_features.projection(np.zeros((6, 6), np.float32), 2)
    with pytest.raises(make_features.FeaturesError, match="fewer than 2 ways"):
        make_features.projection(np.ones((9, 6), np.float32), 2)


def test_what_is_served_is_what_was_made_of_the_released_master() -> None:
    artifacts.check(MODEL_REPOSITORY / "cells" / "1", "features", MASTER, "convert features")


def test_the_command_writes_it_and_names_what_is_wrong(tmp_path: Path, master_file: Path) -> None:
    data = tmp_path / "drawn"
    data.mkdir()
    rows = ["path,class,split,guard"]
    for number, one in enumerate(render.images(count=60, seed=3, height=224)):
        (data / f"{number}.jpg").write_bytes(render.encode(one.image))
        rows.append(f"{number}.jpg,Benign,train,0")
    (data / "split.csv").write_text("\n".join(rows))
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["features", str(MASTER), "--data", str(data), "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "cells of" in done.output
    artifacts.check(out, "features", MASTER, "convert features")
    record = json.loads((out / artifacts.RECORD).read_text())
    assert record["farthest_from_keras"] <= make_features.FARTHEST
    assert record["fitted_to"]["cells"] > 256
    assert {path.name for path in out.iterdir()} == {"features.onnx", artifacts.RECORD}
    other = CliRunner().invoke(main, ["features", str(master_file), "--data", str(data)])
    assert other.exit_code == 1
    assert "is no MobileNet with a layer" in other.output
