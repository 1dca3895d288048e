from __future__ import annotations

import pytest

from allclient.contract import Subtype
from allclient.store import Store, agreement, cases, fields, verifications
from allclient.store.agreement import kappa
from allclient.store.sight import EVERYTHING
from allclient.store.words import Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, result


def test_kappa_is_that_of_the_textbook() -> None:
    # Two readers of 50: both yes 20, both no 15, yes/no 5, no/yes 10; kappa 0.4.
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("a", "a"), ("b", "b")]) == 1.0
    assert kappa([("a", "b"), ("b", "a")]) == pytest.approx(-1.0)
    assert kappa([("a", "a")]) is None
    assert kappa([]) is None


def test_kappa_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra train")
    pairs = [(a, b) for a in "wxyz" for b in "wxyz" for _ in range(ord(a) * ord(b) % 7)]
    expected = metrics.cohen_kappa_score(*zip(*pairs, strict=True))
    assert kappa(pairs) == pytest.approx(expected)


def test_the_latest_word_of_each_reader_counts(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "one").id
    says = [  # the words of Anna and Bert, the last of each counts
        (ANNA, 0, Subtype.BENIGN),
        (BERT, 0, Subtype.PRE_B),
        (BERT, 0, Subtype.BENIGN),
        (ANNA, 1, Subtype.PRE_B),
        (BERT, 1, Subtype.PRO_B),
        (ANNA, 2, Subtype.PRE_B),
    ]
    ids = []
    for number in range(3):
        ids.append(accepted(store, case_id, picture(number)).id)
        fields.record_answer(store, ids[-1], result())
    for actor, number, subtype in says:
        with store.write() as session:
            seen = fields.get(session, ids[number]).version
            verifications.verify(
                session, actor, ids[number], seen=seen, verdict=Verdict.CORRECTED, subtype=subtype
            )
    with store.read() as session:
        (found,) = agreement.agreements(session, EVERYTHING)
        assert agreement.agreements(session, EVERYTHING, case_id) == [found]
        assert agreement.agreements(session, EVERYTHING, case_id + 1) == []
    assert (found.first, found.second, found.fields, found.same) == ("Anna", "Bert", 2, 0.5)
    assert found.kappa == pytest.approx(1 / 3)
    assert found.label_kappa == 1.0
