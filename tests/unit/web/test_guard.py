from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from allclient.store import Store
from allclient.store.words import Role
from allclient.web.guard import MAX_FORM
from allclient.web.pages import (
    account,
    cases,
    cells,
    drift,
    entry,
    oidc,
    operator,
    people,
    search,
    similar,
)
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.store.made import picture
from tests.unit.web.conftest import PASSWORD, Visitor

Visit = Callable[..., Visitor]


@pytest.mark.parametrize("path", ["/login", "/", "/api/v1/cases", "/assets/base.css", "/nowhere"])
def test_every_answer_carries_the_headers(visit: Visit, path: str) -> None:
    headers = visit().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_every_page_says_that_it_is_no_medical_device(visit: Visit) -> None:
    admin = visit("Anna", Role.ADMIN)
    case_id = admin.case()
    pages = [
        "/",
        "/people",
        "/audit",
        f"/cases/{case_id}",
        f"/cases/{case_id}/cells",
        "/login",
        "/welcome/x",
        "/nowhere",
    ]
    for path in pages:
        assert "not a medical device" in admin.get(path).text, path


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "127.0.0.1:80", ""])
def test_the_page_answers_under_its_own_names_alone(visit: Visit, host: str) -> None:
    assert visit().get("/login", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
def test_what_another_site_sends_is_refused(
    visit: Visit, anna: Visitor, headers: dict[str, str]
) -> None:
    answer = anna.ask("POST", "/cases", json={"name": "x"}, headers=headers)
    assert answer.status_code == 403
    login = visit().post("/login", data={"name": "Anna", "password": PASSWORD}, headers=headers)
    assert login.status_code == 403


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
def test_nothing_changes_without_the_token_of_the_page(anna: Visitor, token: str) -> None:
    anna.csrf = token
    sent = {"x-csrf-token": token.encode()}
    assert anna.ask("POST", "/cases", json={"name": "x"}, headers=sent).status_code == 403
    assert anna.form("/cases", name="x").status_code == 403
    assert anna.form("/logout").status_code == 403
    assert anna.get("/").status_code == 200


def test_the_token_of_another_person_is_not_good(visit: Visit, anna: Visitor) -> None:
    bert = visit("Bert")
    anna.csrf = bert.csrf
    assert anna.ask("POST", "/cases", json={"name": "x"}).status_code == 403


def page_routes(method: str) -> list[str]:
    """The addresses of all pages, with 1 for each number in them."""
    paths = [
        re.sub(r"{\w+}", "1", route.path)
        for part in (cases, cells, drift, entry, account, oidc, operator, people, search, similar)
        for route in part.router.routes
        if isinstance(route, APIRoute) and method in route.methods
    ]
    assert len(paths) > 10
    return paths


OPEN_TO_ALL = {"/login", "/welcome/1", "/health/live", "/health/ready", "/oidc/login", "/oidc/back"}


def test_every_page_is_for_people_who_are_logged_in(visit: Visit) -> None:
    stranger = visit()
    for path in set(page_routes("GET")) - OPEN_TO_ALL:
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/login"), path


def test_every_form_needs_the_token_of_the_page(visit: Visit) -> None:
    admin = visit("Anna", Role.ADMIN)
    admin.csrf = ""
    for path in set(page_routes("POST")) - OPEN_TO_ALL:
        answer = admin.form(path, on="true", active="true", role="reader")
        assert answer.status_code == 403, path
        assert "too old for this" in answer.text, path


def test_a_form_has_an_end(anna: Visitor) -> None:
    assert anna.form("/cases", name="x" * MAX_FORM).status_code == 413
    answer = anna.ask("POST", "/cases", json={"name": "x" * MAX_FORM})
    assert answer.status_code == 413


def test_an_upload_has_an_end_also_without_a_length(anna: Visitor) -> None:
    case_id = anna.case()
    assert anna.upload(case_id, picture() + bytes(1_000_001)).status_code == 422

    def endless() -> object:
        yield picture()
        for _ in range(30):
            yield bytes(100_000)

    answer = anna.upload(case_id, endless())  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert "larger than 1 MB" in answer.text


@pytest.mark.parametrize(
    "path", ["/assets/../app.py", "/assets/%2e%2e/app.py", "/vendor/..%2f..%2fapp.py"]
)
def test_no_path_leads_out_of_the_assets(visit: Visit, path: str) -> None:
    assert visit().get(path).status_code == 404


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("path", ["/vendor/", "/vendor/x.js", "/vendor/..%2f..%2fapp.py"])
def test_scripts_that_are_not_installed_are_a_plain_404(
    store: Store, tmp_path: Path, path: str, exists: bool
) -> None:
    vendor = tmp_path / "node_modules"
    if exists:
        vendor.mkdir()
    page = Program(store, Settings(hosts=("testserver",), vendor=vendor))
    assert Visitor(page).get(path).status_code == 404


def test_scripts_that_are_installed_later_are_served(store: Store, tmp_path: Path) -> None:
    vendor = tmp_path / "node_modules"
    page = Program(store, Settings(hosts=("testserver",), vendor=vendor))
    assert Visitor(page).get("/vendor/x.js").status_code == 404
    vendor.mkdir()
    (vendor / "x.js").write_text("1")
    assert Visitor(page).get("/vendor/x.js").text == "1"


def test_text_of_people_is_never_markup(working: object, visit: Visit) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    admin = visit(evil[:80], Role.ADMIN)
    case_id = admin.case(evil)
    field_id = admin.read(case_id, picture(), evil)
    said = {"seen": 2, "verdict": "corrected", "subtype": "benign", "comment": evil}
    assert admin.ask("POST", f"/fields/{field_id}/verifications", json=said).status_code == 201
    assert admin.upload(case_id, picture(1) + b"broken", evil).status_code == 201
    pages = ["/", "/people", "/audit", "/search", f"/cases/{case_id}", f"/fields/{field_id}/panel"]
    for path in pages:
        text = admin.get(path).text
        assert "alert(1)" in text, path
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
    login = visit().post("/login", data={"name": evil, "password": "x"})
    assert "<script>alert" not in login.text
