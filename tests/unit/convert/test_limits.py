from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from convert import limits
from convert.images import DRAWN, Fields
from convert.parity import parity_vote

CLASSES = np.array([0, 1, 2, 3] * 25)


def sure_of(classes: np.ndarray) -> np.ndarray:
    return limits.softmax(np.eye(4)[classes] * 5)


def test_equal_answers_miss_nothing() -> None:
    apart = limits.distance(sure_of(CLASSES), sure_of(CLASSES), CLASSES)
    assert (apart.max_abs, apart.equal_argmax, apart.accuracy_change) == (0, 1, 0)
    assert apart.misses(limits.EXACT) == apart.misses(limits.INT8_VOTE) == []


def test_every_part_of_a_limit_is_told() -> None:
    found = CLASSES.copy()
    found[:2] = [1, 2]
    apart = limits.distance(sure_of(found), sure_of(CLASSES), CLASSES)
    assert apart.equal_argmax == 0.98
    assert apart.accuracy_change == pytest.approx(-0.02)
    assert len(apart.misses(limits.EXACT)) == 1
    argmax, accuracy = apart.misses(limits.INT8)
    assert "98.00%" in argmax
    assert "-2.00 points" in accuracy


def test_a_gain_in_accuracy_is_no_miss_but_a_changed_class_is() -> None:
    keras = CLASSES.copy()
    keras[:2] = [1, 2]  # wrong, and the artifact happens to be right
    apart = limits.distance(sure_of(CLASSES), sure_of(keras), CLASSES)
    assert apart.accuracy_change == pytest.approx(0.02)
    assert [text.split()[0] for text in apart.misses(limits.INT8)] == ["equal"]


def test_without_classes_no_accuracy_is_made_up() -> None:
    apart = limits.distance(sure_of(CLASSES), sure_of(CLASSES), np.full(100, -1))
    assert apart.accuracy is None
    assert apart.record()["accuracy_change"] is None


def test_the_vote_is_judged_by_the_class_it_names() -> None:
    other = (CLASSES + 1) % 4
    apart = limits.distance(sure_of(CLASSES), sure_of(CLASSES), CLASSES, (other, CLASSES))
    assert (apart.equal_argmax, apart.accuracy, apart.accuracy_change) == (0, 0, -1)


def test_nearly_equal_classes_count_only_without_a_margin() -> None:
    keras, found = sure_of(CLASSES), sure_of(CLASSES)
    keras[0], found[0] = [0.45, 0.40, 0.1, 0.05], [0.40, 0.45, 0.1, 0.05]
    assert limits.distance(found, keras, CLASSES).equal_argmax == 0.99
    counts = limits.clear(keras, 0.2)
    apart = limits.distance(found, keras, CLASSES, counts=counts)
    assert (apart.equal_argmax, apart.clear, apart.images) == (1, 99, 100)
    with pytest.raises(ValueError, match="sure of none of the 1 images"):
        limits.distance(found[:1], keras[:1], CLASSES[:1], counts=counts[:1])


def test_a_vote_is_settled_where_two_voters_are_clear_about_one_class() -> None:
    pre_b, torn, benign = [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.45, 0.35], [0.8, 0.1, 0.05, 0.05]
    fields = [
        (pre_b, pre_b, pre_b),
        (pre_b, torn, pre_b),
        (benign, pre_b, benign),
        (torn, torn, pre_b),  # one of two torn voters turns it
        (pre_b, benign, torn),
    ]
    voters = np.array(fields).transpose(1, 0, 2)
    assert parity_vote.settled(voters, 0.2).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(("source", "counted", "equal"), [(DRAWN, 1, 1.0), ("lab", 2, 0.5)])
def test_a_torn_vote_counts_over_real_fields_alone(source: str, counted: int, equal: float) -> None:
    pre_b, torn = [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.45, 0.35]

    def decision(subtype: str, voters: list[list[float]]) -> SimpleNamespace:
        return SimpleNamespace(
            probabilities=np.array(pre_b),
            subtype=subtype,
            backbone_probabilities=np.array(voters),
        )

    keras = [decision("pre_b", [pre_b] * 3), decision("pre_b", [pre_b, torn, torn])]
    mine = [decision("pre_b", [pre_b] * 3), decision("pro_b", [pre_b, torn, torn])]
    nothing = np.zeros((2, 1))
    fields = Fields(nothing, nothing, np.full(2, -1), "test", source)
    apart = parity_vote.distance(mine, keras, fields)
    assert (apart.images, apart.clear, apart.equal_argmax) == (2, counted, equal)


def test_answers_that_are_no_numbers_are_an_error() -> None:
    broken = sure_of(CLASSES)
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="1 answers are no finite numbers"):
        limits.distance(broken, sure_of(CLASSES), CLASSES)
