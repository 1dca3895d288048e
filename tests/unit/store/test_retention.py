from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from allclient.store import SYSTEM, Store, audit, cases, files, retention
from allclient.store.schema import Case, Signature, now
from tests.unit.store.made import ANNA, accepted, picture


def test_old_cases_go_with_their_images_and_others_stay(store: Store) -> None:
    with store.write() as session:
        old, young = (cases.make(session, ANNA, name).id for name in ("old", "young"))
    gone = accepted(store, old, picture(1)).digest
    shared = accepted(store, old, picture(2)).digest
    accepted(store, young, picture(2))
    with store.write() as session:
        session.execute(
            update(Case).where(Case.id == old).values(created_at=now() - timedelta(days=31))
        )
    assert retention.older(store, 32) == []
    assert retention.older(store, 30) == [old]
    assert retention.apply(store, SYSTEM, 30) == 1
    with store.read() as session:
        assert [case.id for case in cases.newest(session, limit=9)] == [young]
        assert audit.check(session) is None
    assert not store.files.exists(gone)
    assert store.files.exists(shared)


def test_a_case_is_kept_from_its_last_signature_on(store: Store) -> None:
    def ago(days: int) -> datetime:
        return now() - timedelta(days=days)

    with store.write() as session:
        case = cases.make(session, ANNA, "old")
        case.created_at = ago(90)
        said = {"user_name": "Anna", "conclusion": "benign", "comment": "", "report": ""}
        for days in (60, 20):
            session.add(Signature(case_id=case.id, created_at=ago(days), **said))
    assert retention.older(store, 30) == []
    assert retention.older(store, 19) == [case.id]


@pytest.mark.parametrize("url", [None, "memory://strays"])
def test_a_file_that_a_crash_left_without_a_field_goes_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    store = Store(tmp_path, files_url=url)
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    shown = accepted(store, case_id, picture(1)).digest
    with store.files.receive(10**6) as incoming:
        incoming.write(picture(2))
        incoming.finish()
        store.files.keep(incoming)
    retention.apply(store, SYSTEM, 30)
    assert store.files.all() == {shown, incoming.digest}  # it may be an upload that goes on
    monkeypatch.setattr(files, "_LEFT_BEHIND", -60)
    retention.apply(store, SYSTEM, 30)
    assert store.files.all() == {shown}
    store.close()
