from __future__ import annotations

import dataclasses

import pytest

from allclient.contract import BACKBONES, Backbone, Subtype
from allclient.errors import RefusedError
from allclient.result import Result
from allclient.store import Store, cases, fields, similar
from allclient.store.sight import EVERYTHING, Sight
from allclient.store.similar import Similar
from tests.unit.store.made import ANNA, accepted, picture, result, with_cells


def read(store: Store, *answers: Result | None) -> list[int]:
    """The fields of these answers, each in a case of its own; None was not read."""
    ids = []
    for answer in answers:
        with store.write() as session:
            case_id = cases.make(session, ANNA, "Marrow").id
        ids.append(accepted(store, case_id, picture(case_id)).id)
        if answer is not None:
            fields.record_answer(store, ids[-1], answer)
    return ids


def like(store: Store, index: Similar, field_id: int, sight: Sight = EVERYTHING) -> list[int]:
    with store.read() as session:
        return [field.id for field, _ in index.fields(session, sight, field_id, 9)]


def test_the_nearest_fields_are_those_that_the_backbones_answer_alike(store: Store) -> None:
    sure, less, other, odd = read(
        store,
        result(Subtype.PRE_B, 0.97),
        result(Subtype.PRE_B, 0.8),
        result(Subtype.BENIGN, 0.97),
        result(Subtype.PRO_B, 0.4),
    )
    index = Similar()
    assert like(store, index, sure) == [less, odd, other]
    with store.read() as session:
        distances = [far for _, far in index.fields(session, EVERYTHING, sure, 9)]
    assert distances == sorted(distances)


def test_backbones_that_differ_are_farther_than_ones_that_agree(store: Store) -> None:
    split = dict.fromkeys(BACKBONES, result(Subtype.PRE_B, 0.9).probabilities)
    split[Backbone.XCEPTION] = result(Subtype.BENIGN, 0.9).probabilities
    asked, apart, alike = read(
        store,
        result(Subtype.PRE_B, 0.9),
        dataclasses.replace(result(Subtype.PRE_B, 0.9), backbone_probabilities=split),
        result(Subtype.PRE_B, 0.7),
    )
    assert like(store, Similar(), asked) == [alike, apart]


def test_what_is_new_deleted_or_read_blind_is_respected(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar, "_BATCH", 2)
    index = Similar()
    ids = read(store, *[result(Subtype.PRE_B, 0.9)] * 5)
    assert like(store, index, ids[0]) == ids[1:]
    (late,) = read(store, result(Subtype.PRE_B, 0.9))
    assert like(store, index, ids[0]) == [*ids[1:], late]
    cases.delete(store, ANNA, 2)
    assert like(store, index, ids[0], Sight(7, frozenset({3}))) == [*ids[3:], late]


def test_what_was_not_read_is_like_nothing(store: Store) -> None:
    (waiting,) = read(store, None)
    with pytest.raises(RefusedError, match="not read this yet"):
        like(store, Similar(), waiting)


def test_the_nearest_cells_are_those_answered_alike(store: Store) -> None:
    read(
        store,
        with_cells(Subtype.PRE_B, Subtype.BENIGN),
        with_cells(Subtype.BENIGN, Subtype.PRE_B, Subtype.PRO_B),
    )
    with store.read() as session:
        found = Similar().cells(session, EVERYTHING, 1, 9)
    assert found[0][0].subtype == "pre_b"
    assert found[0][0].field_id == 2
    assert len(found) == 4
