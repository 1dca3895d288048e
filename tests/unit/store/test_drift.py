"""The store counts answers in SQL as a profile counts them one by one."""

from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import numpy as np

from allclient.contract import ReviewReason, Subtype
from allclient.drift import Profile, reference
from allclient.drift.profile import CELL_SIZE, OOD_SCORE
from allclient.store import Store, cases, fields
from allclient.store.drift import profiles, together
from allclient.store.schema import Answer, Field, now
from tests.unit.store.made import ANNA, BERT, accepted, picture, with_cells


def test_answers_are_counted_by_site_source_and_day(store: Store) -> None:
    generator = np.random.default_rng(3)
    bins = reference()
    with store.write() as session:
        case_id = cases.make(session, ANNA, "case").id
    expected = bins.like()
    # On every edge and between, so that the two ways cannot differ in which side an edge is on.
    scores = [*bins.edges[OOD_SCORE], *generator.uniform(0, 2, 8)]
    sides = [*bins.edges[CELL_SIZE], *generator.uniform(0, 0.4, 8)]
    for number, score in enumerate(scores):
        field = accepted(store, case_id, picture(number))
        review = (ReviewReason.DISAGREEMENT,) if number % 3 == 0 else ()
        answer = with_cells(Subtype.PRO_B, Subtype.BENIGN)
        side = sides[number % len(sides)] * (1 + 1e-9)
        box = {"width": side / 2, "height": side * 2}
        answer = dataclasses.replace(
            answer,
            ood_score=float(score),
            review=review,
            cells=tuple(dataclasses.replace(cell, **box) for cell in answer.cells or ()),
        )
        assert fields.record_answer(store, field.id, answer)
        size = math.sqrt(box["width"] * box["height"])
        expected.add(
            answer.subtype, review=bool(review), ood_score=float(score), cell_sizes=[size, size]
        )
    with store.read() as session:
        found = profiles(session, bins, now() - timedelta(days=1))
    assert {where.source for where in found} == {ANNA.name}
    assert together(list(found.values()), bins).counts == expected.counts

    with store.write() as session:
        first = session.get(Field, 1)
        second = session.get(Answer, 2)
        assert first is not None
        assert second is not None
        first.created_by = BERT.name
        first.site = "Klinik Nord"
        second.created_at = now() - timedelta(days=3)
    with store.read() as session:
        found = profiles(session, bins, now() - timedelta(days=10))
        recent = profiles(session, bins, now() - timedelta(days=1))
    answers = {tuple(where): profile.answers for where, profile in found.items()}
    today, before = (str((now() - timedelta(days=days)).date()) for days in (0, 3))
    assert answers["Klinik Nord", BERT.name, today] == 1
    assert answers["", ANNA.name, before] == 1
    assert sum(profile.answers for profile in recent.values()) == len(scores) - 1


def test_a_store_without_answers_has_no_profile(store: Store) -> None:
    with store.read() as session:
        assert profiles(session, Profile({OOD_SCORE: [1.0], CELL_SIZE: [1.0]}), now()) == {}
