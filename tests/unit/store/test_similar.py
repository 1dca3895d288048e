from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from allclient.contract import CELL_FEATURES, Subtype
from allclient.errors import RefusedError
from allclient.result import Result
from allclient.store import Store, cases, fields, similar
from allclient.store.sight import EVERYTHING, Sight
from allclient.store.similar import Similar, Vectors
from tests.unit.store.made import ANNA, accepted, picture, result, with_cells

SCALE = CELL_FEATURES.shape[1] ** 0.5
"""How far two cells are apart whose features are one number each, one apart."""


def looking(*looks: float) -> Result:
    """An answer whose cells look so."""
    return with_cells(*[Subtype.PRE_B] * len(looks), looks=looks)


OLDER = dataclasses.replace(looking(1), features=None)
"""As a server of version 0.2 answers."""


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


def like_cells(store: Store, index: Similar, cell_id: int) -> list[tuple[int, int, float]]:
    """The field and number of each cell, and how far it is."""
    with store.read() as session:
        found = index.cells(session, EVERYTHING, cell_id, 9)
        return [(cell.field_id, cell.number, far) for cell, far in found]


def test_the_nearest_fields_are_those_whose_cells_look_alike(store: Store) -> None:
    asked, far, same, near = read(
        store, looking(1, 3), looking(-2), looking(2, 2), looking(2.5, 2.5, 2.5)
    )
    index = Similar()
    assert like(store, index, asked) == [same, near, far]
    with store.read() as session:
        distances = [far for _, far in index.fields(session, EVERYTHING, asked, 9)]
    assert distances == pytest.approx([0, 0.5 * SCALE, 4 * SCALE], rel=1e-3)


def test_the_nearest_cells_are_those_that_look_alike_whatever_they_are_called(
    store: Store,
) -> None:
    benign = with_cells(Subtype.BENIGN, Subtype.BENIGN, looks=(0.5, 4))
    first, second = read(store, looking(0.25, 1), benign)
    found = like_cells(store, Similar(), 1)
    assert [(field_id, number) for field_id, number, _ in found] == [
        (second, 0),
        (first, 1),
        (second, 1),
    ]
    assert [far for *_, far in found] == pytest.approx(
        [0.25 * SCALE, 0.75 * SCALE, 3.75 * SCALE], rel=1e-3
    )


def test_what_is_new_deleted_or_read_blind_is_respected(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar, "_BATCH", 2)
    index = Similar()
    ids = read(store, *[looking(1, 2, 3)] * 5)
    assert like(store, index, ids[0]) == ids[1:]
    (late,) = read(store, looking(2))
    assert like(store, index, ids[0]) == [*ids[1:], late]
    cases.delete(store, ANNA, 2)
    assert like(store, index, ids[0], Sight(7, frozenset({3}))) == [*ids[3:], late]


def test_fields_are_known_in_whatever_order_they_were_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = read(store, None, None, None)
    for field_id, look in ((third, 1), (first, 5), (second, 6)):
        fields.record_answer(store, field_id, looking(look, look))
    for batch in (1, 3, 100):
        monkeypatch.setattr(similar, "_BATCH", batch)
        assert like(store, Similar(), first) == [second, third]


def test_why_something_is_like_nothing(store: Store) -> None:
    waiting, empty, older, _ = read(store, None, looking(), OLDER, looking(1))
    index = Similar()
    for field_id, why in (
        (waiting, "not read this field yet"),
        (empty, "no leukocyte was found"),
        (older, "does not say how cells look"),
    ):
        with pytest.raises(RefusedError, match=why):
            like(store, index, field_id)
    with pytest.raises(RefusedError, match="does not say how cells look"):
        like_cells(store, index, 1)
    assert like_cells(store, index, 2) == []


def test_an_answer_without_cells_is_like_nothing(store: Store) -> None:
    (field_id,) = read(store, result())
    with pytest.raises(RefusedError, match="does not say how cells look"):
        like(store, Similar(), field_id)


def test_of_many_the_nearest_are_found_exactly() -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
    vectors = Vectors()
    for start in range(0, 3000, 700):
        ids = np.arange(start, min(start + 700, 3000)) * 2
        vectors.add(ids, rows[ids // 2])
    found = vectors.nearest(1234)
    assert found is not None
    distances = np.linalg.norm(rows - rows[617], axis=1)
    expected = np.argsort(distances, kind="stable")[1:1001]
    assert [row_id for row_id, _ in found] == (expected * 2).tolist()
    assert [far for _, far in found] == pytest.approx(distances[expected].tolist())
    assert vectors.nearest(1235) is None
