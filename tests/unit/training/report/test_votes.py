from __future__ import annotations

from typing import Any

import pytest

from training.report import votes
from training.report.reading import Measured


def study(*, vote: float, won: int, lost: int, p: float) -> dict[str, Any]:
    """A hundred images; InceptionV3 is the best member, and McNemar names it first."""
    accuracy = {"mobilenet": 0.80, "xception": 0.85, "inception_v3": 0.90, "majority": vote}
    tables = [
        ("inception_v3", "majority", lost, won, p, -(won - lost) / 100),
        ("mobilenet", "xception", 5, 10, 0.3, -0.05),
        ("mobilenet", "inception_v3", 2, 12, 0.01, -0.10),
    ]
    names = ("first", "second", "first_only_right", "second_only_right", "p", "difference")
    return {
        "ways": {
            "known": {
                "images": 100,
                "voters": {name: {"scores": {"accuracy": v}} for name, v in accuracy.items()},
                "mcnemar": [
                    {
                        **dict(zip(names, row, strict=True)),
                        "question": "class",
                        "interval": [-0.1, 0.02],
                    }
                    for row in tables
                ],
            }
        }
    }


@pytest.mark.parametrize(
    ("won", "lost", "p", "answer"),
    [
        (12, 1, 0.003, "yes"),
        (5, 3, 0.7, "yes, within noise"),
        (4, 4, 1.0, "equal"),
        (3, 5, 0.7, "no, within noise"),
        (1, 12, 0.003, "no"),
    ],
)
def test_the_answer(won: int, lost: int, p: float, answer: str) -> None:
    found = votes.compare(
        study(vote=0.9 + (won - lost) / 100, won=won, lost=lost, p=p), "known", "class"
    )
    assert found is not None
    assert (found.best, found.answer) == ("inception_v3", answer)
    assert bool(found.reasons()) == (answer != "yes")


def test_a_pair_is_turned_round_with_its_interval() -> None:
    found = votes.pair(
        study(vote=0.92, won=5, lost=3, p=0.7), "known", "majority", "inception_v3", "class"
    )
    assert found is not None
    assert (found.only_first, found.only_second) == (5, 3)
    assert found.difference == Measured(0.02, (-0.02, 0.1))


def test_shared_errors_are_worked_out_from_the_counts() -> None:
    found = votes.compare(study(vote=0.89, won=3, lost=4, p=1.0), "known", "class")
    assert found is not None
    # MobileNet is right on 80, Xception alone on 10 more: both are wrong on 10, by chance on 3.
    assert found.both_wrong["mobilenet", "xception"] == (10, 3)
    assert "MobileNet and Xception 10 (by chance 3)" in found.reasons()[-1]
    assert "more often than corrected" in found.reasons()[0]


def test_without_a_vote_there_is_no_comparison() -> None:
    figures = study(vote=0.9, won=1, lost=1, p=1.0)
    del figures["ways"]["known"]["voters"]["majority"]
    assert votes.compare(figures, "known", "class") is None
    assert votes.compare(figures, "random", "class") is None


def test_counts_agree_with_the_confusion_of_real_figures(figures: dict[str, Any]) -> None:
    for protocol in ("known", "slides"):
        found = votes.compare(figures, protocol, "class")
        assert found is not None
        accuracy = {
            n: v["scores"]["accuracy"] for n, v in figures["ways"][protocol]["voters"].items()
        }
        gap = accuracy["majority"] - accuracy[found.best]
        assert gap == pytest.approx(
            (found.pair.only_first - found.pair.only_second) / found.images, abs=1e-4
        )
