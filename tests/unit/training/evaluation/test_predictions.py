from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from training.evaluation import predictions
from training.evaluation.predictions import Predictions, PredictionsError, Variant


def some(protocol: str = "known", backbone: str = "xception", count: int = 6) -> Predictions:
    rng = np.random.default_rng(2)
    numbers = np.arange(count)
    return Predictions(
        protocol=protocol,
        backbone=backbone,
        paths=np.array([f"Early/{number}.jpg" for number in numbers]),
        targets=numbers % 4,
        groups=np.array([f"G{number // 2}" for number in numbers]),
        slides=np.array(["Early-S01"] * count),
        folds=np.array([protocol] * count),
        parts=np.array(["val", "test"] * (count // 2)),
        logits=rng.normal(0, 2, (count, 4)).astype(np.float32),
        quality=rng.random((count, 12), np.float32),
        nuclei_heat=np.full((count, 3), np.nan, np.float32),
        variants={
            "probe.bar_in.large_black": Variant(
                np.array([1, 3]), np.ones((2, 4), np.float32), np.ones((2, 12), np.float32)
            )
        },
        meta={"data": "drawn", "masters": {"known": "abc"}},
    )


def test_what_is_saved_comes_back_whole(tmp_path: Path) -> None:
    given = some()
    path = predictions.save(given, tmp_path)
    assert path == tmp_path / "known" / "xception.npz"
    back = predictions.load(path)
    for name in predictions.ARRAYS:
        np.testing.assert_array_equal(getattr(back, name), getattr(given, name))
    assert (back.protocol, back.backbone, back.meta) == ("known", "xception", given.meta)
    variant = back.variants["probe.bar_in.large_black"]
    np.testing.assert_array_equal(variant.index, [1, 3])
    assert variant.logits.shape == (2, 4)
    assert list(tmp_path.rglob("*.tmp")) == []


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    first = predictions.save(some(), tmp_path / "a").read_bytes()
    assert predictions.save(some(), tmp_path / "b").read_bytes() == first


def test_all_ways_and_backbones_are_found(tmp_path: Path) -> None:
    for protocol, backbone in (
        ("known", "xception"),
        ("known", "mobilenet"),
        ("slides", "xception"),
    ):
        predictions.save(some(protocol, backbone), tmp_path)
    found = predictions.load_all(tmp_path)
    assert {protocol: list(each) for protocol, each in found.items()} == {
        "known": ["mobilenet", "xception"],
        "slides": ["xception"],
    }


def test_a_file_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    path = predictions.save(some("slides"), tmp_path)
    (tmp_path / "known").mkdir()
    path.rename(tmp_path / "known" / "xception.npz")
    with pytest.raises(PredictionsError, match="it was moved"):
        predictions.load_all(tmp_path)


def test_nothing_is_not_taken_for_an_empty_evaluation(tmp_path: Path) -> None:
    with pytest.raises(PredictionsError, match="holds no predictions"):
        predictions.load_all(tmp_path)
    with pytest.raises(PredictionsError, match="is missing"):
        predictions.load(tmp_path / "known" / "xception.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "xception.npz"
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match=r"xception\.npz is no file of predictions"):
        predictions.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((6, 3), np.float32)}, "logits has shape"),
        ({"logits": np.full((6, 4), np.nan, np.float32)}, "not finite"),
        ({"targets": np.full(6, 4)}, "class indexes"),
        ({"parts": np.array(["train"] * 6)}, "parts must be"),
        ({"backbone": "resnet"}, "unknown backbone"),
        ({"paths": np.array(["a"] * 6)}, "stands twice"),
        (
            {"variants": {"x": Variant(np.array([6]), np.ones((1, 4)), np.ones((1, 12)))}},
            "not there",
        ),
        (
            {"variants": {"x": Variant(np.array([1]), np.ones((2, 4)), np.ones((1, 12)))}},
            "do not fit",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        dataclasses.replace(some(), **change)
