from __future__ import annotations

import pytest
from sqlalchemy import select, text

from allclient.contract import Subtype
from allclient.errors import ConflictError, RefusedError
from allclient.store import (
    Store,
    cases,
    cells,
    database,
    fields,
    integrity,
    signatures,
    verifications,
)
from allclient.store.schema import Case, Entry, Signature
from allclient.store.words import Conclusion, Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, with_cells


def report(case: Case, signature: Signature) -> str:
    return f"<p>{case.name}: {signature.conclusion}</p>"


def sign(store: Store, case_id: int, comment: str = "", seen: int | None = None) -> None:
    """As somebody who saw the version ``seen``, or the latest one."""
    with store.write() as session:
        signatures.sign(
            session,
            ANNA,
            case_id,
            seen=cases.version(session, case_id) if seen is None else seen,
            conclusion=Conclusion.MALIGNANT,
            comment=comment,
            report=report,
        )


@pytest.fixture
def case_id(store: Store) -> int:
    """A case with one field of one cell, which nobody verified."""
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, with_cells(Subtype.PRE_B))
    return case_id


def verify(store: Store, case_id: int) -> None:
    with store.write() as session:
        (field,) = fields.by_need(session, case_id, limit=9)
        verifications.verify(session, ANNA, field.id, seen=field.version, verdict=Verdict.CONFIRMED)


def test_a_case_is_signed_when_every_field_has_a_verdict(store: Store, case_id: int) -> None:
    with pytest.raises(RefusedError, match="1 of the fields have no verdict"):
        sign(store, case_id)
    verify(store, case_id)
    sign(store, case_id, " typical ")
    with store.read() as session:
        assert cases.get(session, case_id).signed
        (signature,) = signatures.of_case(session, case_id)
    assert (signature.user_name, signature.comment) == ("Anna", "typical")
    assert signature.report == "<p>Marrow 12: malignant</p>"


@pytest.mark.parametrize("what", ["field", "cell", "new field"])
def test_what_changed_since_it_was_seen_is_not_signed(
    store: Store, case_id: int, what: str
) -> None:
    verify(store, case_id)
    with store.read() as session:
        seen = cases.version(session, case_id)
        (field,) = fields.by_need(session, case_id, limit=9)
        (cell,) = cells.of_field(session, field.id)
    if what == "new field":
        added = accepted(store, case_id, picture(1))
    with store.write() as session:
        if what == "cell":
            cells.correct(session, BERT, cell.id, seen=1, subtype=Subtype.BENIGN)
        else:
            field_id, version = (added.id, 1) if what == "new field" else (field.id, field.version)
            verdict = Verdict.UNUSABLE
            verifications.verify(session, BERT, field_id, seen=version, verdict=verdict)
    with pytest.raises(ConflictError, match="Nothing was signed"):
        sign(store, case_id, seen=seen)
    with store.read() as session:
        assert not cases.get(session, case_id).signed
        assert not signatures.of_case(session, case_id)
        assert not session.scalars(select(Entry).where(Entry.action == "case.signed")).all()
    sign(store, case_id)


def test_a_case_without_fields_is_not_signed(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "empty").id
    with pytest.raises(RefusedError, match="without fields"):
        sign(store, case_id)


def test_nothing_in_a_signed_case_changes_until_it_is_opened(store: Store, case_id: int) -> None:
    verify(store, case_id)
    sign(store, case_id)
    with store.read() as session:
        (cell,) = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=9)
    with pytest.raises(RefusedError, match="signed"):
        verify(store, case_id)
    with pytest.raises(RefusedError, match="signed"):
        accepted(store, case_id, picture(1))
    with pytest.raises(RefusedError, match="signed"), store.write() as session:
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    with pytest.raises(RefusedError, match="signed"), store.write() as session:
        cases.rename(session, ANNA, case_id, "another")
    with pytest.raises(RefusedError, match="signed"):
        sign(store, case_id)
    with store.write() as session:
        signatures.open_again(session, BERT, case_id)
    verify(store, case_id)
    sign(store, case_id)
    with store.read() as session:
        assert len(signatures.of_case(session, case_id)) == 2
        assert integrity.check(session) is None


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE signatures SET report = 'other'", "signature"),
        ("UPDATE signatures SET conclusion = 'benign'", "signature"),
        ("UPDATE corrections SET subtype = 'pro_b'", "correction"),
        ("UPDATE verifications SET comment = 'other'", "verification"),
    ],
)
def test_what_people_said_and_somebody_changed_by_hand_shows(
    store: Store, case_id: int, statement: str, what: str
) -> None:
    with store.write() as session:
        (cell,) = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=9)
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    verify(store, case_id)
    sign(store, case_id)
    with store.read() as session:
        assert integrity.check(session) is None
    with store.write() as session:
        session.execute(text(statement))
    with store.read() as session:
        broken = integrity.check(session)
    assert broken is not None
    assert f"the {what} 1, which was changed" in broken.reason


def test_a_downgrade_keeps_cases_and_fields(store: Store, case_id: int) -> None:
    database.downgrade(store.engine, "0002")
    database.migrate(store.engine)
    with store.read() as session:
        assert not cases.get(session, case_id).signed
        assert fields.count(session, case_id) == 1
