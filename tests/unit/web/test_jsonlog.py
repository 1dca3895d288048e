from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from allclient.store import Store
from allclient.store.schema import User
from allclient.store.words import Role
from allclient.web import jsonlog
from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import PASSWORD, Double, Visitor
from tests.waiting import until

Visit = Callable[..., Visitor]
LOGGERS = ("", "allclient.web", "uvicorn")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log of this process as JSON."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels, handlers = [one.level for one in loggers], list(loggers[0].handlers)
    stream = io.StringIO()
    jsonlog.log_to(stream)
    yield stream
    loggers[0].handlers[:] = handlers
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_request_is_a_line_with_its_route(log: io.StringIO, anna: Visitor) -> None:
    case_id = anna.case("Erika Mustermann")
    log.seek(0)
    log.truncate()
    anna.get(f"/cases/{case_id}")
    anna.get("/Mustermann")
    anna.request("MUSTERMANN", "/")
    shown, unknown, odd = lines(log)
    assert shown["event"] == "request"
    assert (shown["method"], shown["route"], shown["status"]) == ("GET", "/cases/{case_id}", 200)
    assert shown["ms"] > 0
    assert (unknown["route"], unknown["status"]) == ("none", 404)
    assert odd["method"] == "other"


def test_nothing_that_people_typed_or_uploaded_stands_in_it(
    log: io.StringIO, working: Program, double: Double, visit: Visit
) -> None:
    logging.getLogger("allclient.web").setLevel(logging.DEBUG)
    admin = visit("Anna Mustermann", Role.ADMIN)
    case_id = admin.case("Erika Mustermann")
    field_id = admin.read(case_id, picture() + b"broken", "mustermann.png")
    said = {"seen": 2, "verdict": "unusable", "comment": "Mustermann"}
    admin.ask("POST", f"/fields/{field_id}/verifications", json=said)
    admin.get("/search", params={"text": "Mustermann"})
    visit().log_in("Anna Mustermann", "wrong password")
    assert len(lines(log)) > 5
    for word in ("mustermann", PASSWORD, "wrong password", admin.csrf):
        assert word not in log.getvalue().lower()


def test_what_fails_is_told_by_type_and_place_without_its_text(
    log: io.StringIO, page: Program, double: Double, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: bytes, /, **_: Any) -> Any:
        raise ValueError("Mustermann")

    monkeypatch.setattr(double, "classify", fail)
    page.worker.use(double)
    with page.working():
        anna.upload(anna.case(), picture())
        until(lambda: "cannot be settled" in log.getvalue(), "the line of the log")
    (line,) = [one for one in lines(log) if one["level"] == "error"][:1]
    assert line["event"].startswith("field ")
    assert line["error"]["type"] == "builtins.ValueError"
    assert line["error"]["frames"][-1].endswith(" fail")
    assert "Mustermann" not in log.getvalue()


def test_of_another_library_only_the_place_is_told(log: io.StringIO) -> None:
    logging.getLogger("another.library").warning("reads /data/Mustermann.png")
    logging.getLogger("allclient.website").warning("Mustermann")
    first, _ = lines(log)
    assert first["place"].startswith("test_jsonlog:")
    assert "Mustermann" not in log.getvalue()


def test_errors_of_the_database_quote_no_values(store: Store, log: io.StringIO) -> None:
    def add() -> None:
        with store.write() as session:
            session.add(User(name="Mustermann", password_hash="secret hash", role="reader"))

    add()
    with pytest.raises(IntegrityError) as caught:
        add()
    assert "Mustermann" not in str(caught.value)
    assert "secret hash" not in str(caught.value)
    try:
        raise caught.value
    except IntegrityError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    (line,) = lines(log)
    assert line["event"] == "Exception in ASGI application"
    assert line["error"]["type"] == "sqlalchemy.exc.IntegrityError"
    assert line["error"]["cause"] == "sqlite3.IntegrityError"
