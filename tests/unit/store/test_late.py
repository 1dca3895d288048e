"""What the backbones say after a signature is kept beside the case, and told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from allclient.contract import Subtype
from allclient.errors import ImageRejectedError, RefusedError
from allclient.store import (
    Store,
    answers,
    audit,
    backup,
    cases,
    cells,
    database,
    fields,
    integrity,
    late,
    signatures,
    verifications,
)
from allclient.store.schema import Base, Entry
from allclient.store.sight import EVERYTHING
from allclient.store.summary import summarize
from allclient.store.words import Conclusion, Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, with_cells


def sign(store: Store, case_id: int) -> None:
    with store.write() as session:
        signatures.sign(
            session,
            ANNA,
            case_id,
            seen=audit.head(session).number,
            shown={},
            conclusion=Conclusion.BENIGN,
            comment="",
            report=lambda case, _: case.name,
        )


@pytest.fixture
def signed(store: Store) -> tuple[int, int, int]:
    """A signed case of two fields that the backbones still read."""
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    one, other = (accepted(store, case_id, picture(number)).id for number in (0, 1))
    with store.write() as session:
        for field_id in (one, other):
            said = {"seen": 1, "verdict": Verdict.CORRECTED, "subtype": Subtype.BENIGN}
            verifications.verify(session, ANNA, field_id, **said)  # type: ignore[arg-type]
    sign(store, case_id)
    return case_id, one, other


def content(store: Store) -> dict[str, list[Any]]:
    """Every row of a case, in every table that tells something of it."""
    beside = {"audit", "late_outcomes", "secrets", "blind_readings"}
    with store.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table))]
            for table in Base.metadata.sorted_tables
            if table.name not in beside
        }


def outcome(store: Store, field_id: int, other: int) -> None:
    result = with_cells(Subtype.PRE_B, Subtype.BENIGN)
    assert fields.record_answer(store, field_id, result)
    assert fields.record_failure(store, other, ImageRejectedError("it is cut", code="image_cut"))


def test_an_answer_after_the_signature_is_told_and_changes_no_row_of_the_case(
    store: Store, signed: tuple[int, int, int]
) -> None:
    case_id, one, other = signed
    before = content(store)
    with store.read() as session:
        assert {field.id for field in fields.waiting(session, limit=9)} == {one, other}
    outcome(store, one, other)
    assert content(store) == before
    with store.read() as session:
        assert fields.waiting(session, limit=9) == []
        told = late.of_case(session, case_id)
        count = cases.counts(session, [case_id], EVERYTHING)[case_id]
        actions = session.scalars(select(Entry.action).order_by(Entry.number)).all()
        assert summarize(session, case_id) is None
    assert [(row.field.id, row.answer.get("subtype")) for row in told] == [
        (one, "pre_b"),
        (other, None),
    ]
    assert (count.late, count.waiting, count.malignant, count.verified) == (1, 2, 0, 2)
    assert actions[-2:] == ["field.answered_late", "field.failed_late"]
    assert not fields.record_answer(store, one, with_cells(Subtype.PRO_B))  # the first one counts


def test_a_case_that_is_opened_takes_the_answer_and_asks_for_a_new_look(
    store: Store, signed: tuple[int, int, int]
) -> None:
    case_id, one, other = signed
    outcome(store, one, other)
    with store.write() as session:
        signatures.open_again(session, BERT, case_id)
    with store.read() as session:
        field = fields.get(session, one)
        failed = fields.get(session, other)
        assert late.of_case(session, case_id) == []
        found = cells.of_field(session, one)
        assert [cell.subtype for cell in found] == ["pre_b", "benign"]
        assert [answers.features_of(cell.features)[0] for cell in found if cell.features] == [0, 1]
        assert integrity.check(session) is None
    assert field.answer is not None
    assert (field.state, field.answer.subtype, field.verdict) == ("answered", "pre_b", "")
    assert [said.user_name for said in field.verifications] == ["Anna"]
    assert (failed.state, failed.error_code, failed.verdict) == ("failed", "image_cut", "corrected")
    with pytest.raises(RefusedError, match="1 of the fields have no verdict"):
        sign(store, case_id)
    with store.write() as session:
        verifications.verify(session, BERT, one, seen=field.version, verdict=Verdict.CONFIRMED)
    sign(store, case_id)


def test_a_field_without_an_answer_at_the_opening_waits_as_before(
    store: Store, signed: tuple[int, int, int]
) -> None:
    case_id, one, _ = signed
    with store.write() as session:
        signatures.open_again(session, BERT, case_id)
    assert fields.record_answer(store, one, with_cells(Subtype.PRE_B))
    with store.read() as session:
        field = fields.get(session, one)
    assert (field.state, field.verdict) == ("answered", "corrected")


def test_what_came_late_is_in_a_backup_and_goes_with_its_case(
    store: Store, signed: tuple[int, int, int], tmp_path: Any
) -> None:
    case_id, one, other = signed
    outcome(store, one, other)
    backup.write(store, tmp_path / "backup")
    restored = Store(tmp_path / "restored")
    backup.restore(restored, tmp_path / "backup")
    with restored.read() as session:
        assert len(late.of_case(session, case_id)) == 2
    restored.close()
    cases.delete(store, ANNA, case_id)
    with store.read() as session:
        assert late.of_case(session, case_id) == []


def test_a_downgrade_lets_its_fields_wait_again(store: Store, signed: tuple[int, int, int]) -> None:
    _, one, other = signed
    outcome(store, one, other)
    database.downgrade(store.engine, "0008")
    database.migrate(store.engine)
    with store.read() as session:
        assert {field.id for field in fields.waiting(session, limit=9)} == {one, other}
