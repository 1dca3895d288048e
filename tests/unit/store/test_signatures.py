from __future__ import annotations

import pytest
from sqlalchemy import select, text

from allclient.contract import Subtype
from allclient.errors import RefusedError
from allclient.store import (
    Store,
    audit,
    cases,
    cells,
    database,
    fields,
    integrity,
    signatures,
    verifications,
)
from allclient.store.changes import ChangedError
from allclient.store.schema import Case, Entry, Signature
from allclient.store.words import Conclusion, Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, with_cells


def report(case: Case, signature: Signature) -> str:
    return f"<p>{case.name}: {signature.conclusion}</p>"


def sign(
    store: Store,
    case_id: int,
    comment: str = "",
    seen: int | None = None,
    shown: dict[int, int] | None = None,
) -> None:
    """As somebody who saw the version ``seen``, or the latest one, and these fields since."""
    with store.write() as session:
        signatures.sign(
            session,
            ANNA,
            case_id,
            seen=audit.head(session).number if seen is None else seen,
            shown=shown or {},
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


TOLD = {
    "field": r"at it: Bert verified field\.png\. Nothing was signed",
    "cell": r"at it: Bert corrected cell 1 of field\.png\. Nothing was signed",
    "new field": r"at it: Bert verified field\.png\. Nothing was signed",
}


@pytest.mark.parametrize("what", TOLD)
def test_what_changed_since_it_was_seen_is_not_signed(
    store: Store, case_id: int, what: str
) -> None:
    verify(store, case_id)
    with store.read() as session:
        seen = audit.head(session).number
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
    with pytest.raises(ChangedError, match=TOLD[what]) as refused:
        sign(store, case_id, seen=seen, shown={field.id: field.version})
    (change,) = refused.value.changes
    assert (change.field_name, change.by) == ("field.png", "Bert")
    assert change.cell_id == (cell.id if what == "cell" else None)
    with store.read() as session:
        assert not cases.get(session, case_id).signed
        assert not signatures.of_case(session, case_id)
        assert not session.scalars(select(Entry).where(Entry.action == "case.signed")).all()
    sign(store, case_id)


def test_what_the_signer_did_and_saw_since_is_signed_and_other_cases_do_not_matter(
    store: Store, case_id: int
) -> None:
    with store.read() as session:
        seen = audit.head(session).number
    verify(store, case_id)
    with store.write() as session:
        other = cases.make(session, BERT, "another").id
    accepted(store, other, picture(1))
    with store.read() as session:
        (field,) = fields.by_need(session, case_id, limit=9)
    with pytest.raises(ChangedError, match="Anna verified field"):  # in another tab
        sign(store, case_id, seen=seen, shown={field.id: field.version - 1})
    sign(store, case_id, seen=seen, shown={field.id: field.version})


def test_of_many_changes_some_are_named(store: Store, case_id: int) -> None:
    for number in range(1, 8):
        accepted(store, case_id, picture(number), f"field-{number}.png")
    with store.write() as session:
        for field in fields.by_need(session, case_id, limit=9):
            seen, verdict = field.version, Verdict.UNUSABLE
            verifications.verify(session, BERT, field.id, seen=seen, verdict=verdict)
    with pytest.raises(ChangedError, match=r"field-4\.png; and 3 more") as refused:
        sign(store, case_id, seen=0)
    assert len(refused.value.changes) == 8


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
