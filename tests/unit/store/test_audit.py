from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from allclient.contract import Subtype
from allclient.store import Store, audit, cases, fields, verifications
from allclient.store.audit import Head
from allclient.store.words import Verdict
from tests.unit.store.made import ANNA, accepted, picture, result

_BY_HAND = {
    "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
    "postgresql": ["DROP TRIGGER audit_no_change ON audit"],
}


def by_hand(store: Store, statement: str) -> None:
    """What the owner of a database can do to it."""
    with store.write() as session:
        for drop in _BY_HAND[store.engine.dialect.name]:
            session.execute(text(drop))
        session.execute(text(statement))


def fill(store: Store, entries: int = 5) -> None:
    with store.write() as session:
        for number in range(entries):
            audit.append(session, ANNA, "test", f"number:{number}", {"share": 0.1 + number})


def test_a_chain_that_nobody_touched_holds(store: Store) -> None:
    fill(store)
    with store.read() as session:
        assert audit.check(session) is None
        assert audit.head(session).number == 5


@pytest.mark.parametrize(
    ("statement", "number", "reason"),
    [
        ("UPDATE audit SET actor = 'Mallory' WHERE number = 3", 3, "was changed"),
        ("UPDATE audit SET details = '{}' WHERE number = 2", 2, "was changed"),
        ("UPDATE audit SET previous = digest WHERE number = 4", 4, "does not follow"),
        ("DELETE FROM audit WHERE number = 2", 2, "is missing"),
        ("DELETE FROM audit WHERE number = 1", 1, "is missing"),
    ],
)
def test_the_check_says_where_the_chain_breaks(
    store: Store, statement: str, number: int, reason: str
) -> None:
    fill(store)
    by_hand(store, statement)
    with store.read() as session:
        broken = audit.check(session)
    assert broken is not None
    assert broken.number == number
    assert reason in broken.reason


def test_a_log_that_was_cut_off_shows_against_a_head_that_was_kept(store: Store) -> None:
    fill(store)
    with store.read() as session:
        kept = audit.head(session)
    by_hand(store, "DELETE FROM audit WHERE number >= 4")
    with store.read() as session:
        assert audit.check(session) is None
        broken = audit.check(session, kept)
    assert broken is not None
    assert broken.number == 4


def test_a_log_that_was_written_anew_shows_against_a_head_that_was_kept(store: Store) -> None:
    fill(store)
    with store.read() as session:
        broken = audit.check(session, Head(3, "f" * 64))
    assert broken is not None
    assert broken.number == 3


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_the_log(store: Store, statement: str) -> None:
    fill(store)
    with pytest.raises(DBAPIError, match="only added to"), store.write() as session:
        session.execute(text(statement))
    with store.read() as session:
        assert audit.check(session) is None


def test_writers_at_the_same_time_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: fill(store, 2), range(12)))
    with store.read() as session:
        assert audit.check(session) is None
        assert audit.head(session).number == 24


def test_a_verification_changed_by_hand_shows_against_the_log(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "one").id
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, result())
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED)
    with store.read() as session:
        assert verifications.check(session) is None
    with store.write() as session:
        session.execute(text(f"UPDATE verifications SET subtype = '{Subtype.BENIGN.value}'"))
    with store.read() as session:
        assert audit.check(session) is None
        broken = verifications.check(session)
    assert broken is not None
    assert "changed" in broken.reason


def test_no_names_of_cases_files_or_comments_stand_in_the_log(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Erika Mustermann").id
        cases.rename(session, ANNA, case_id, "E. Mustermann")
    field_id = accepted(store, case_id, picture(), "mustermann-1.png").id
    with store.write() as session:
        verifications.verify(
            session, ANNA, field_id, seen=1, verdict=Verdict.UNUSABLE, comment="Mustermann again"
        )
    cases.delete(store, ANNA, case_id)
    with store.read() as session:
        rows = session.execute(text("SELECT * FROM audit")).all()
    assert len(rows) == 5
    assert "mustermann" not in repr(rows).lower()
