"""PostgreSQL ends under the page: what was accepted stays, people are told, and it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL is asked by psycopg, of the extra web")

import torture_database
from playwright.sync_api import Browser, expect
from sqlalchemy import text

from allclient.store import Store, integrity
from allclient.web import outage
from allclient.web.program import Program
from allclient.web.settings import Settings
from samples import render
from tests.unit.store.postgres import Postgres, why_not
from tests.unit.web.conftest import Double, Visitor
from tests.web.conftest import serving_page
from tests.web.person import Person, files

SAID = "the database does not answer"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if reason := why_not():
        pytest.skip(reason)
    with Postgres() as server:
        yield server


@pytest.fixture
def store(postgres: Postgres, tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data", postgres.url)
    yield opened
    with opened.write() as session:
        session.execute(text("DROP SCHEMA public CASCADE"))
        session.execute(text("CREATE SCHEMA public"))
    opened.close()


@pytest.mark.timeout(300)
def test_nothing_accepted_is_lost_and_nothing_is_taken_twice(
    postgres: Postgres, store: Store
) -> None:
    page = Program(store, Settings(hosts=("testserver",)))
    page.worker.use(Double())
    with page.working():
        anna, bert = (Visitor.of(page, name) for name in ("Anna", "Bert"))
        case_id = anna.case()
        people = [
            torture_database.Person(visitor.ask, case_id, name)
            for visitor, name in ((anna, "Anna"), (bert, "Bert"))
        ]
        found = torture_database.kill_under(postgres, people, render.encoded(count=1), kills=2)
        assert found.ok, found.notes
        assert all(person.away for person in people)
        assert anna.get("/health/ready").status_code == 200
        counts = anna.ask("GET", f"/cases/{case_id}").json()["count"]
        assert counts["fields"] == sum(len(person.files) for person in people)
        assert counts["verified"] == sum(len(person.verdicts) for person in people)
    with store.read() as session:
        assert integrity.check(session) is None


def test_a_person_is_told_and_the_upload_goes_on_by_itself(
    browser: Browser, postgres: Postgres, store: Store, tmp_path: Path
) -> None:
    paths = files(tmp_path, 3)
    with serving_page(store, Settings()) as served:
        anna = Person(browser, served)
        anna.begin(served.link)
        anna.page.get_by_label("New case").fill("Marrow")
        anna.page.keyboard.press("Enter")
        anna.page.set_input_files("#files", paths[:1])
        uploaded, said = anna.page.locator("#uploaded"), anna.page.locator("#said")
        expect(uploaded).to_have_text("1 of 1 files uploaded.")
        anna.show(1)

        postgres.kill()
        anna.press("u")
        expect(said).to_contain_text(f"Not saved: {SAID}")
        anna.page.set_input_files("#files", paths[1:])
        expect(uploaded).to_contain_text(f"0 of 2 files uploaded, {SAID}")
        shown = anna.page.request.get(f"{served.url}/", headers={"accept": "text/html"})
        assert shown.status == outage.STATUS
        assert SAID.capitalize() in shown.text()

        postgres.start()
        expect(uploaded).to_have_text("2 of 2 files uploaded.")
        anna.press("u")
        expect(said).to_contain_text("field-00.png: unusable.")
        anna.show(3)
        assert anna.complaints == []
        anna.context.close()
