from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import inspect

from allclient.cell import Cell
from allclient.contract import Subtype
from allclient.errors import ConflictError, NotFoundError
from allclient.store import Store, audit, cases, cells, database, fields
from tests.unit.store.made import ANNA, BERT, accepted, picture, result, with_cells


@pytest.fixture
def case_id(store: Store) -> int:
    with store.write() as session:
        return cases.make(session, ANNA, "Marrow 12").id


def read(store: Store, case_id: int, number: int, *subtypes: Subtype) -> int:
    """A field with a cell of each subtype; its id."""
    field_id = accepted(store, case_id, picture(number)).id
    fields.record_answer(store, field_id, with_cells(*subtypes))
    return field_id


def test_cells_come_back_as_they_were(store: Store, case_id: int) -> None:
    given = with_cells(Subtype.BENIGN, Subtype.PRO_B)
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, given)
    with store.read() as session:
        rows = cells.of_field(session, field_id)
        answer = fields.get(session, field_id).answer
    assert given.cells is not None
    read_back = tuple(
        Cell(
            row.x,
            row.y,
            row.width,
            row.height,
            {subtype: row.probabilities[subtype.value] for subtype in Subtype},
            row.area_share,
            row.agreement,
        )
        for row in rows
    )
    assert read_back == given.cells
    assert [row.subtype for row in rows] == ["benign", "pro_b"]
    assert answer is not None
    assert (answer.leukocytes, answer.malignant_leukocytes) == (2, 1)


def test_a_result_without_cells_says_that_nobody_counted(store: Store, case_id: int) -> None:
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, result())
    with store.read() as session:
        answer = fields.get(session, field_id).answer
    assert answer is not None
    assert answer.leukocytes is None


def test_the_likeliest_cells_of_a_class_come_first_over_all_fields(
    store: Store, case_id: int
) -> None:
    for number in range(3):
        read(store, case_id, number, Subtype.BENIGN, Subtype.PRE_B, Subtype.PRE_B)
    with store.read() as session:
        found = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=99)
        first = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=2, offset=0)
        rest = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=99, offset=2)
        counted = cells.counts(session, case_id)
    assert [*first, *rest] == list(found)
    assert [cell.probability for cell in found] == sorted(
        (cell.probability for cell in found), reverse=True
    )
    assert counted == {
        Subtype.BENIGN: 3,
        Subtype.EARLY_PRE_B: 0,
        Subtype.PRE_B: 6,
        Subtype.PRO_B: 0,
    }


def test_a_corrected_cell_moves_to_its_class_and_keeps_both_words(
    store: Store, case_id: int
) -> None:
    read(store, case_id, 0, Subtype.PRE_B)
    with store.write() as session:
        cell = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=1)[0]
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    with store.read() as session:
        assert cells.counts(session, case_id)[Subtype.BENIGN] == 1
        cell = cells.get(session, cell.id)
        assert audit.check(session) is None
    assert (cell.subtype, cell.shown_as, cell.corrected, cell.version) == (
        "pre_b",
        "benign",
        True,
        2,
    )
    assert [said.user_name for said in cell.corrections] == ["Anna"]


def test_who_saw_an_older_word_of_a_cell_overwrites_nothing(store: Store, case_id: int) -> None:
    read(store, case_id, 0, Subtype.PRE_B)
    with store.write() as session:
        cell = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=1)[0]
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    with (
        pytest.raises(ConflictError, match="Anna corrected this cell"),
        store.write() as session,
    ):
        cells.correct(session, BERT, cell.id, seen=1, subtype=Subtype.PRO_B)
    with store.read() as session:
        assert cells.get(session, cell.id).shown_as == "benign"


def test_the_cells_of_a_deleted_case_are_gone(store: Store, case_id: int) -> None:
    read(store, case_id, 0, Subtype.PRE_B)
    with store.write() as session:
        cell = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=1)[0]
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    cases.delete(store, ANNA, case_id)
    with store.read() as session, pytest.raises(NotFoundError):
        cells.get(session, cell.id)


def test_a_store_from_before_cells_keeps_its_answers(store: Store, case_id: int) -> None:
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, dataclasses.replace(result(), model_version="7"))
    database.downgrade(store.engine, "0001")
    assert "cells" not in inspect(store.engine).get_table_names()
    database.migrate(store.engine)
    with store.read() as session:
        answer = fields.get(session, field_id).answer
    assert answer is not None
    assert (answer.model_version, answer.leukocytes) == ("7", None)
