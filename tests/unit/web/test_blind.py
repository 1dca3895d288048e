"""Who reads a case blind learns nothing of what others said of it, at any address."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from allclient.contract import Subtype
from allclient.store.schema import Verification
from allclient.store.words import Role
from allclient.web import pages
from allclient.web.program import Program
from tests.unit.store.made import picture, with_cells
from tests.unit.web.conftest import Double, Visitor

Visit = Callable[..., Visitor]

SECRET = "small round cells"

ENDLESS = {"/api/v1/cases/{case_id}/events"}
"""It tells what the backbones do, and no words of people."""

CHANGING = {"/audit", "/metrics"}
"""They count what happens, so they are held against the words alone."""


@pytest.fixture
def case_id(working: Program, double: Double, anna: Visitor) -> int:
    double.says = with_cells(Subtype.PRE_B, Subtype.PRE_B)
    case_id = anna.case()
    anna.read(case_id, picture())
    return case_id


@pytest.fixture
def bert(visit: Visit, case_id: int) -> Visitor:
    """An admin, who may ask for everything, and reads the case blind."""
    bert = visit("Bert", Role.ADMIN)
    assert bert.ask("PUT", f"/cases/{case_id}/blind").status_code == 204
    return bert


def say(visitor: Visitor) -> None:
    """Another word than the backbones', of the field and of a cell."""
    version = visitor.ask("GET", "/fields/1").json()["version"]
    said = {"seen": version, "verdict": "corrected", "subtype": "pro_b", "comment": SECRET}
    assert visitor.ask("POST", "/fields/1/verifications", json=said).status_code == 201
    said = {"seen": 1, "subtype": "early_pre_b"}
    assert visitor.ask("POST", "/cells/1/corrections", json=said).status_code == 201


def addresses(page: Program) -> Iterator[str]:
    """Every address of the interface and of the pages that may be asked for by GET."""
    for path, operations in page.app.openapi()["paths"].items():
        if "get" in operations and path not in ENDLESS:
            yield path

    def walk(routes: Sequence[Any]) -> Iterator[str]:
        for route in routes:
            if "GET" in getattr(route, "methods", ()):
                yield route.path
            yield from walk(getattr(getattr(route, "original_router", None), "routes", ()))

    yield from walk(pages.router.routes)


def asked(visitor: Visitor, path: str) -> str:
    """An answer as text, without versions, which count what others do."""
    numbered = re.sub(r"\{(\w+_id)\}", "1", path).replace("{token}", "x")
    answer = visitor.get(numbered, params={"subtype": "pre_b"} if "cells" in path else {})
    assert answer.status_code < 500
    text = answer.text
    if answer.headers.get("content-type") == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            text = repr([(name, archive.read(name)) for name in archive.namelist()])
    return re.sub(r'(version["=:\\]+)\d+', r"\1N", text)


def test_no_address_tells_a_blind_reader_what_others_said(
    working: Program, anna: Visitor, bert: Visitor, visit: Visit
) -> None:
    carl = visit("Carl", Role.ADMIN)
    paths = sorted(set(addresses(working)))
    assert len(paths) > 25
    before = {path: asked(bert, path) for path in paths}
    open_before = {path: asked(carl, path) for path in paths}
    say(anna)
    for path in paths:
        after = asked(bert, path)
        assert SECRET not in after, path
        if path in CHANGING:
            assert not re.search("corrected|pro_b|early_pre_b", after), path
        else:
            assert after == before[path], path
    # Who does not read blind sees it at most of them, so that the test would fail.
    told = {path for path in paths if asked(carl, path) != open_before[path]} - CHANGING
    assert told >= {
        "/cases/{case_id}",
        "/cases/{case_id}/cells",
        "/fields/{field_id}/panel",
        "/search",
        "/api/v1/fields",
        "/api/v1/fields/{field_id}",
        "/api/v1/fields/{field_id}/cells",
        "/api/v1/cases/{case_id}",
        "/api/v1/cases/{case_id}/fields",
        "/api/v1/export.csv",
        "/api/v1/export.jsonl",
        "/api/v1/export.zip",
        "/api/v1/export.geojson.zip",
    }


def test_a_blind_reader_sees_their_own_words_and_all_at_the_end(
    working: Program, anna: Visitor, bert: Visitor, case_id: int
) -> None:
    say(anna)
    said = {"seen": 3, "verdict": "unusable", "comment": "out of focus"}
    answer = bert.ask("POST", "/fields/1/verifications", json=said).json()
    assert (answer["verdict"], answer["verified_subtype"]) == ("unusable", None)
    assert [one["comment"] for one in answer["verifications"]] == ["out of focus"]
    assert bert.upload(case_id, picture()).json()["verdict"] == "unusable"
    assert "out of focus" in bert.get("/fields/1/panel").text
    assert bert.ask("GET", f"/cases/{case_id}").json()["count"]["verified"] == 1
    assert bert.form(f"/cases/{case_id}/blind", on="false").status_code == 303
    assert SECRET in bert.get("/fields/1/panel").text
    assert "Anna, Bert" in bert.get("/agreement").text
    history = bert.ask("GET", "/fields/1").json()["verifications"]
    assert [(one["user_name"], one["blind"]) for one in history] == [
        ("Anna", False),
        ("Bert", True),
    ]


def test_a_blind_reader_does_not_speak_of_the_case_as_a_whole(
    working: Program, anna: Visitor, bert: Visitor, case_id: int
) -> None:
    said = {"seen": 1, "subtype": "benign"}
    refused = bert.ask("POST", "/cells/1/corrections", json=said)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "blind")
    say(anna)
    assert bert.sign(case_id, comment=SECRET).status_code == 403
    assert anna.sign(case_id, comment=SECRET).status_code == 201
    for path in ("/signatures", "/signatures/1/report"):
        assert bert.ask("GET", f"/cases/{case_id}{path}").status_code == 403
    assert SECRET not in bert.get(f"/cases/{case_id}").text


def test_the_log_says_when_a_blind_reading_began_and_ended(
    working: Program, bert: Visitor, case_id: int
) -> None:
    for _ in range(2):
        assert bert.ask("PUT", f"/cases/{case_id}/blind").status_code == 204
    for _ in range(2):
        assert bert.ask("DELETE", f"/cases/{case_id}/blind").status_code == 204
    text = bert.get("/audit").text
    assert (text.count("blind.begun"), text.count("blind.ended")) == (1, 1)


def test_a_change_of_how_somebody_read_breaks_the_check(
    working: Program, anna: Visitor, bert: Visitor
) -> None:
    said = {"seen": 2, "verdict": "unusable"}
    assert bert.ask("POST", "/fields/1/verifications", json=said).status_code == 201
    admin = bert.get("/audit", params={"check": "true"}).text
    assert "hold together" in admin
    with working.store.write() as session:
        session.query(Verification).update({"blind": False})
    assert "was changed" in bert.get("/audit", params={"check": "true"}).text
