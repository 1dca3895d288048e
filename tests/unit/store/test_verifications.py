from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest

from allclient.contract import Subtype
from allclient.errors import ConflictError, ImageRejectedError, RefusedError
from allclient.store import Actor, Store, cases, fields, schema, verifications
from allclient.store.words import Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, result


@pytest.fixture
def field_id(store: Store) -> int:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    field = accepted(store, case_id, picture())
    fields.record_answer(store, field.id, result(Subtype.PRE_B))
    return field.id


def test_a_confirmed_field_keeps_the_answer_and_says_who(store: Store, field_id: int) -> None:
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED)
    with store.read() as session:
        field = fields.get(session, field_id)
    assert (field.verdict, field.verified_subtype, field.version) == ("confirmed", "pre_b", 3)
    assert [v.user_name for v in field.verifications] == ["Anna"]


def test_a_later_verification_counts_and_the_earlier_one_stays(store: Store, field_id: int) -> None:
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED)
    with store.write() as session:
        verifications.verify(
            session, BERT, field_id, seen=3, verdict=Verdict.CORRECTED, subtype=Subtype.BENIGN
        )
    with store.read() as session:
        field = fields.get(session, field_id)
    assert (field.verdict, field.verified_subtype) == ("corrected", "benign")
    assert [v.subtype for v in field.verifications] == ["pre_b", "benign"]


@pytest.mark.parametrize("hours", [0, 1])
def test_who_saw_an_older_version_overwrites_nothing(
    store: Store, field_id: int, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    before = schema.now() - timedelta(hours=hours)  # a clock that was put back
    monkeypatch.setattr(verifications, "now", lambda: before)
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED)
    told = pytest.raises(ConflictError, match="Anna changed this field")
    with told as refused, store.write() as session:
        verifications.verify(session, BERT, field_id, seen=2, verdict=Verdict.UNUSABLE)
    # Bert may be reading blind.
    assert not re.search("confirmed|pre_b", str(refused.value))
    with store.read() as session:
        assert fields.get(session, field_id).verdict == "confirmed"


def test_of_two_people_at_the_same_moment_one_is_told(store: Store, field_id: int) -> None:
    begin = threading.Barrier(2)
    told: list[str] = []

    def correct(actor: Actor, subtype: Subtype) -> None:
        begin.wait()
        try:
            with store.write() as session:
                verifications.verify(
                    session, actor, field_id, seen=2, verdict=Verdict.CORRECTED, subtype=subtype
                )
        except ConflictError:
            told.append(actor.name)

    people = [
        threading.Thread(target=correct, args=(ANNA, Subtype.BENIGN)),
        threading.Thread(target=correct, args=(BERT, Subtype.PRO_B)),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    with store.read() as session:
        field = fields.get(session, field_id)
    assert sorted([*told, *(v.user_name for v in field.verifications)]) == ["Anna", "Bert"]
    assert len(told) == 1


def test_a_correction_says_what_the_field_shows(store: Store, field_id: int) -> None:
    with pytest.raises(RefusedError, match="what the field shows"), store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CORRECTED)


def test_there_is_nothing_to_confirm_where_the_networks_failed(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "broken").id
    field_id = accepted(store, case_id, picture()).id
    fields.record_failure(store, field_id, ImageRejectedError("cut off"))
    with pytest.raises(RefusedError, match="no answer"), store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED)
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=2, verdict=Verdict.UNUSABLE)


def test_a_comment_has_an_end(store: Store, field_id: int) -> None:
    with pytest.raises(RefusedError, match="at most"), store.write() as session:
        verifications.verify(
            session, ANNA, field_id, seen=2, verdict=Verdict.CONFIRMED, comment="x" * 4001
        )


def test_a_verdict_on_a_field_that_the_backbones_read_in_the_meantime_is_refused(
    store: Store,
) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    seen = accepted(store, case_id, picture())
    fields.record_failure(store, seen.id, ImageRejectedError("cut off"))
    with store.write() as session:
        fields.try_again(session, BERT, seen.id)
    fields.record_answer(store, seen.id, result(Subtype.PRO_B))
    told = pytest.raises(ConflictError, match="The backbones changed this field")
    for version in range(seen.version, seen.version + 3):
        with told, store.write() as session:
            verifications.verify(session, ANNA, seen.id, seen=version, verdict=Verdict.CONFIRMED)
    with store.write() as session:
        verifications.verify(
            session, ANNA, seen.id, seen=seen.version + 3, verdict=Verdict.CONFIRMED
        )
