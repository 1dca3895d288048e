from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from allclient.store import users
from allclient.store.words import Role
from allclient.web import program
from allclient.web.people import COOKIE
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.web.conftest import PASSWORD, Visitor

Visit = Callable[..., Visitor]
PAGES = [
    "/",
    "/people",
    "/audit",
    "/account",
    "/search",
    "/cases/1",
    "/fields/1/panel",
    "/cases/1/cells",
]
CALLS = [
    ("GET", "/cases"),
    ("POST", "/cases"),
    ("GET", "/cases/1"),
    ("PATCH", "/cases/1"),
    ("DELETE", "/cases/1"),
    ("PUT", "/cases/1/blind"),
    ("DELETE", "/cases/1/blind"),
    ("GET", "/cases/1/fields"),
    ("POST", "/cases/1/fields"),
    ("GET", "/cases/1/events"),
    ("GET", "/fields/1"),
    ("POST", "/fields/1/verifications"),
    ("POST", "/fields/1/retry"),
    ("GET", "/fields/1/picture"),
    ("GET", "/fields/1/file"),
    ("GET", "/fields"),
    ("GET", "/export.csv"),
    ("GET", "/export.jsonl"),
    ("GET", "/export.zip"),
    ("GET", "/export.geojson.zip"),
    ("GET", "/fields/1/cells"),
    ("GET", "/cases/1/signatures"),
    ("POST", "/cases/1/signatures"),
    ("POST", "/cases/1/signatures/1/delivery"),
    ("POST", "/cases/1/open"),
    ("POST", "/cases/1/archives"),
    ("GET", "/cases/1/signatures/1/report"),
    ("GET", "/cases/1/cells"),
    ("GET", "/cells/1/picture"),
    ("GET", "/cells/1/similar"),
    ("GET", "/fields/1/similar"),
    ("POST", "/cells/1/corrections"),
]


def test_the_first_link_makes_the_first_admin_and_no_second_one(
    page: Program, visit: Visit
) -> None:
    link = program.first_link(page.store, "")
    assert link is not None
    stranger = visit()
    assert "Choose the name" in stranger.get(link).text
    answers = {"name": "Anna", "password": PASSWORD, "again": PASSWORD}
    assert stranger.post(link, data=answers).status_code == 303
    assert "People" in stranger.get("/").text
    assert program.first_link(page.store, "") is None
    mallory = visit()
    assert mallory.get(link).status_code == 404
    assert mallory.post(link, data=answers | {"name": "Mallory"}).status_code == 422


def test_a_new_start_makes_the_link_of_the_one_before_useless(page: Program, visit: Visit) -> None:
    first, second = (program.first_link(page.store, "") for _ in range(2))
    assert visit().get(first).status_code == 404
    assert visit().get(second).status_code == 200


def test_two_passwords_that_differ_and_short_ones_are_told(page: Program, visit: Visit) -> None:
    link = program.first_link(page.store, "")
    answers = {"name": "Anna", "password": PASSWORD, "again": PASSWORD + "x"}
    assert "not the same" in visit().post(link, data=answers).text
    answers = {"name": "Anna", "password": "short", "again": "short"}
    assert "12 to 200" in visit().post(link, data=answers).text


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_led_to_the_login(visit: Visit, path: str) -> None:
    answer = visit().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login"


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_stranger_gets_nothing_from_the_interface(visit: Visit, method: str, path: str) -> None:
    assert visit().ask(method, path, params={"subtype": "pre_b"}).status_code == 401


def test_every_call_of_the_interface_is_in_that_list(page: Program) -> None:
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "1", path.removeprefix("/api/v1")))
        for path, methods in page.app.openapi()["paths"].items()
        for method in methods
    }
    assert described == set(CALLS)


def test_a_wrong_password_and_an_unknown_name_read_the_same(visit: Visit, anna: Visitor) -> None:
    wrong = visit().log_in("Anna", "wrong")
    unknown = visit().log_in("Berta", "wrong")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace("Anna", "Berta") == unknown.text


def test_who_guesses_passwords_is_stopped_also_with_the_right_one(
    visit: Visit, anna: Visitor
) -> None:
    guesser = visit()
    codes = [guesser.log_in("Anna", f"guess {number}").status_code for number in range(9)]
    assert codes == [401] * 8 + [429]
    assert guesser.log_in("aNNa", PASSWORD).status_code == 429


def test_the_cookie_is_closed_to_scripts_and_other_sites(visit: Visit, anna: Visitor) -> None:
    cookie = visit().log_in("Anna", PASSWORD).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    secure = visit(base_url="https://testserver").log_in("Anna", PASSWORD).headers["set-cookie"]
    assert "Secure" in secure


def test_a_session_that_a_stranger_brings_is_never_taken_over(visit: Visit, anna: Visitor) -> None:
    victim = visit(cookies={COOKIE: "known to the attacker"})
    victim.log_in("Anna", PASSWORD)
    attacker = visit(cookies={COOKIE: "known to the attacker"})
    assert attacker.get("/").status_code == 303


def test_who_logs_out_is_out_also_with_the_old_cookie(visit: Visit, anna: Visitor) -> None:
    old = anna.cookies[COOKIE]
    assert anna.form("/logout").status_code == 303
    assert visit(cookies={COOKIE: old}).get("/").status_code == 303


def test_who_is_kept_out_is_out_at_once(page: Program, visit: Visit, anna: Visitor) -> None:
    admin = visit("Berta", Role.ADMIN)
    with page.store.read() as session:
        user = users.find(session, "Anna")
    assert user is not None
    assert admin.form(f"/people/{user.id}/active", active="false").status_code == 303
    assert anna.get("/").status_code == 303
    assert anna.log_in("Anna", PASSWORD).status_code == 401


def test_a_reader_may_not_do_what_an_admin_does(anna: Visitor) -> None:
    case_id = anna.case()
    assert anna.get("/people").status_code == 403
    assert anna.get("/audit").status_code == 403
    assert anna.form("/people/invite", role="admin").status_code == 403
    assert anna.form("/people/1/active", active="false").status_code == 403
    assert anna.ask("DELETE", f"/cases/{case_id}").status_code == 403
    assert "Audit log" not in anna.get("/").text


def test_an_invitation_of_an_admin_lets_a_reader_in(visit: Visit) -> None:
    admin = visit("Berta", Role.ADMIN)
    shown = admin.form("/people/invite", role="reader").text
    link = re.search(r"http://testserver(/welcome/[\w-]+)", shown)
    assert link
    answers = {"name": "Carla", "password": PASSWORD, "again": PASSWORD}
    carla = visit()
    assert carla.post(link[1], data=answers).status_code == 303
    assert carla.get("/people").status_code == 403


def test_a_program_does_with_a_token_what_its_person_may(visit: Visit, anna: Visitor) -> None:
    shown = anna.form("/account/tokens", name="microscope").text
    token = re.search(r'id="token">([\w-]+)<', shown)
    assert token
    assert token[1] not in anna.get("/account").text
    program_ = visit(headers={"authorization": f"Bearer {token[1]}"})
    assert program_.ask("POST", "/cases", json={"name": "by a program"}).status_code == 201
    assert program_.ask("DELETE", "/cases/1").status_code == 403
    assert program_.post("/account/tokens", data={"name": "another"}).status_code == 403
    assert "by a program" in anna.get("/").text
    secret = re.search(r"/account/tokens/(\d+)/withdraw", anna.get("/account").text)
    assert secret
    bert = visit("Bert")
    assert bert.form(secret[0]).status_code == 404
    assert program_.ask("GET", "/cases").status_code == 200
    assert anna.form(secret[0]).status_code == 303
    assert program_.ask("GET", "/cases").status_code == 401


@pytest.mark.parametrize("sent", ["Bearer", "Bearer x", "Basic QW5uYTp4", "bearer é"])
def test_a_token_that_nobody_made_opens_nothing(visit: Visit, sent: str) -> None:
    stranger = visit(headers={"authorization": sent.encode()})
    assert stranger.ask("GET", "/cases").status_code == 401


NEW = "another horse battery"


def change(visitor: Visitor, old: str, new: str = NEW, again: str = NEW) -> int:
    return int(visitor.form("/account/password", old=old, password=new, again=again).status_code)


def test_who_changes_the_password_stays_and_is_out_everywhere_else(
    page: Program, visit: Visit, anna: Visitor
) -> None:
    elsewhere, bert = visit(), visit("Bert")
    elsewhere.log_in("Anna", PASSWORD)
    token = re.search(r'id="token">([\w-]+)<', anna.form("/account/tokens", name="microscope").text)
    assert token
    assert change(anna, PASSWORD) == 303
    assert "Your password is changed" in anna.get("/account?changed=true").text
    assert elsewhere.get("/").status_code == 303
    assert bert.get("/").status_code == 200
    assert visit().log_in("Anna", PASSWORD).status_code == 401
    assert visit().log_in("Anna", NEW).status_code == 303
    program_ = visit(headers={"authorization": f"Bearer {token[1]}"})
    assert program_.ask("GET", "/cases").status_code == 200
    assert program_.post("/account/password", data={"old": NEW}).status_code == 403
    admin = visit("Berta", Role.ADMIN)
    assert "user.password_changed" in admin.get("/audit").text


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("wrong password", NEW, NEW, "until now is not right"),
        (PASSWORD, NEW, NEW + "x", "not the same"),
        (PASSWORD, "short", "short", "12 to 200"),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(
    visit: Visit, anna: Visitor, old: str, new: str, again: str, told: str
) -> None:
    answer = anna.form("/account/password", old=old, password=new, again=again)
    assert answer.status_code == 422
    assert told in answer.text
    assert anna.get("/").status_code == 200
    assert visit().log_in("Anna", PASSWORD).status_code == 303


def test_who_guesses_the_old_password_is_stopped(anna: Visitor) -> None:
    codes = [change(anna, f"guess {number}") for number in range(9)]
    assert codes == [422] * 8 + [429]
    assert change(anna, PASSWORD) == 429


def test_a_password_is_not_changed_from_elsewhere(visit: Visit, anna: Visitor) -> None:
    anna.csrf = "0" * 64
    assert change(anna, PASSWORD) == 403
    assert visit().log_in("Anna", PASSWORD).status_code == 303


def test_the_session_of_a_person_is_no_token_of_a_program(visit: Visit, anna: Visitor) -> None:
    stranger = visit(headers={"authorization": f"Bearer {anna.cookies[COOKIE]}"})
    assert stranger.ask("GET", "/cases").status_code == 401


class TestUnderAPath:
    """Behind a proxy that shows the page under a path of its own."""

    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(hosts=("testserver",), root_path="/smears")

    def test_every_link_form_and_cookie_stays_below_it(self, visit: Visit) -> None:
        visitor = visit("Anna", Role.ADMIN)
        cookie = visit().log_in("Anna", PASSWORD)
        assert cookie.headers["location"] == "/smears/"
        assert "Path=/smears" in cookie.headers["set-cookie"]
        for path in ("/", "/people", "/audit", "/account", "/search", "/login"):
            text = visitor.get(path).text
            links = re.findall(r'(?:href|src|action)="(/[^"]*)"', text)
            assert links
            assert all(link.startswith("/smears/") for link in links), path
