from __future__ import annotations

from allclient.store import SYSTEM, Store, cases, fields, search, users, verifications
from allclient.store.search import Query
from allclient.store.sight import EVERYTHING
from allclient.store.words import Role, Verdict
from tests.unit.store.made import ANNA, accepted, picture

ODD = "a\x00b\ud800c\x1b[31m\nsecond line\t\u200d"
KEPT = "abc[31m\nsecond line\t\u200d"


def test_a_comment_is_kept_without_what_nobody_can_see(store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow").id
    field_id = accepted(store, case_id, picture()).id
    with store.write() as session:
        verifications.verify(session, ANNA, field_id, seen=1, verdict=Verdict.UNUSABLE, comment=ODD)
    with store.read() as session:
        assert fields.get(session, field_id).verifications[0].comment == KEPT
        assert verifications.check(session) is None


def test_odd_characters_are_looked_for_in_peace(store: Store) -> None:
    with store.write() as session:
        users.add(session, SYSTEM, "Anna", "hash", Role.READER)
    with store.read() as session:
        assert search.find(session, Query(text=ODD, reader=ODD), EVERYTHING, limit=1) == []
        assert users.find(session, "an\x00na\ud800") is not None
        assert users.find(session, ODD) is None
