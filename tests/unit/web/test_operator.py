from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest

from allclient.store.words import Role
from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import PASSWORD, Visitor

Visit = Callable[..., Visitor]


def test_anybody_may_ask_whether_the_page_works(page: Program, visit: Visit) -> None:
    probe = visit(headers={"host": "10.1.2.3"})
    assert probe.get("/health/live").json() == {"live": True}
    assert probe.get("/health/ready").json() == {"ready": True, "networks": False}


def test_a_database_that_is_away_is_told_without_its_address(
    page: Program, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("secret address"))

    monkeypatch.setattr(page.store, "read", away)
    answer = visit().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False}


def test_the_numbers_count_fields_and_requests(working: Program, anna: Visitor) -> None:
    case_id = anna.case()
    anna.read(case_id, picture(), "Mustermann.png")
    anna.read(case_id, picture(1) + b"broken")
    anna.get(f"/cases/{case_id}")
    text = anna.get("/metrics").text
    assert 'allclient_fields{state="answered"} 1.0' in text
    assert 'allclient_fields{state="failed"} 1.0' in text
    assert "allclient_cases 1.0" in text
    assert "allclient_networks_ready 1.0" in text
    assert re.search(r'allclient_web_requests_total\{.*route="/cases/\{case_id\}".* 1.0', text)
    assert "Mustermann" not in text


def test_the_numbers_are_for_people_of_the_page(visit: Visit) -> None:
    assert visit().get("/metrics", headers={"accept": "*/*"}).status_code == 401


def test_no_name_password_or_token_stands_in_the_log(
    working: Program, visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "allclient")
    admin = visit("Anna", Role.ADMIN)
    case_id = admin.case("Erika Mustermann")
    field_id = admin.read(case_id, picture() + b"broken", "mustermann.png")
    said = {"seen": 2, "verdict": "unusable", "comment": "Mustermann"}
    admin.ask("POST", f"/fields/{field_id}/verifications", json=said)
    visit().log_in("Anna", "wrong password")
    for word in ("mustermann", PASSWORD, "wrong password", admin.csrf):
        assert word not in caplog.text.lower()
