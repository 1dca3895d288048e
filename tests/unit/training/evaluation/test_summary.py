from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from allclient.contract import SUBTYPES
from training.data.samples import Sample
from training.evaluation import summary as evaluate
from training.evaluation.answers import Answer
from training.models.masters import find


def answer(target: int, subtype: int, *review: str, error: str = "") -> Answer:
    sample = Sample(Path(f"{target}-{subtype}.jpg"), SUBTYPES[target])
    return Answer(sample, subtype, (subtype, subtype, 0), review, error=error)


ANSWERS = [
    answer(0, 0),
    answer(0, 1, "disagreement", "low_confidence"),
    answer(0, 2),
    answer(1, 1),
    answer(2, 3),
    answer(3, 0, "low_confidence"),
    answer(3, 0),
    answer(2, -1, error="[image_truncated] the JPEG ends early"),
]


def test_vote_and_backbones_are_scored_and_failures_kept() -> None:
    summary = evaluate.summarise(ANSWERS)
    assert (summary["images"], summary["answered"]) == (8, 7)
    assert summary["scores"]["vote"]["accuracy"] == pytest.approx(2 / 7)
    assert summary["scores"]["inception_v3"]["accuracy"] == pytest.approx(3 / 7)
    assert summary["failed"] == [
        {"file": "2--1.jpg", "reason": "[image_truncated] the JPEG ends early"}
    ]


def test_review_figures_by_hand() -> None:
    review = evaluate.summarise(ANSWERS)["review"]
    assert review["rate"] == pytest.approx(2 / 7)
    assert review["coverage"] == pytest.approx(5 / 7)
    assert review["reasons"] == {"disagreement": 1, "low_confidence": 2}
    assert review["without_review"] == {
        "images": 5,
        "wrong_class": 3,
        "error_share": pytest.approx(3 / 5),
        "malignant_called_benign": 1,
        "benign_called_malignant": 1,
    }


def test_the_report_names_failed_files() -> None:
    text = io.StringIO()
    evaluate.show(evaluate.summarise(ANSWERS), Console(file=text, width=120))
    assert "failed: 2--1.jpg: [image_truncated] the JPEG ends early" in text.getvalue()
    assert "7 of 8 images answered" in text.getvalue()


def test_nothing_answered_is_still_a_report() -> None:
    text = io.StringIO()
    evaluate.show(evaluate.summarise([ANSWERS[-1]]), Console(file=text, width=120))
    assert "0 of 1 images answered" in text.getvalue()


def test_masters_are_found_in_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "xception").mkdir()
    for name in ("mobilenet.keras", "xception/xception.keras", "inception_v3.keras"):
        (tmp_path / name).touch()
    found = find([tmp_path])
    assert [path.stem for path in found] == ["mobilenet", "xception", "inception_v3"]
    (tmp_path / "inception_v3.keras").unlink()
    with pytest.raises(FileNotFoundError, match=r"no inception_v3\.keras in"):
        find([tmp_path])
