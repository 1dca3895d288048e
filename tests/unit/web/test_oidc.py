"""People who log in by an OpenID Connect provider, against a real one on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")

from joserfc.jwk import RSAKey
from sqlalchemy import select

from allclient.store import SYSTEM, Store, users
from allclient.store.schema import Entry
from allclient.store.words import Role
from allclient.web.oidc import Provider
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.web.conftest import PASSWORD, Visitor
from tests.unit.web.provider import CLIENT, SECRET, LocalProvider


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with LocalProvider() as running:
        yield running


@pytest.fixture
def settings(provider: LocalProvider) -> Settings:
    return Settings(
        hosts=("testserver",), oidc=Provider(provider.url, CLIENT, SECRET, "the hospital")
    )


@pytest.fixture
def invitation(page: Program) -> str:
    with page.store.write() as session:
        return users.invite(session, SYSTEM, Role.READER)


def back_from(visitor: Visitor, invitation: str = "") -> str:
    """The address to which the provider sends somebody back."""
    left = visitor.get("/oidc/login", params={"invitation": invitation})
    assert left.status_code == 302
    answer = httpx2.get(left.headers["location"], follow_redirects=False)
    back = answer.headers["location"]
    assert back.startswith("http://testserver/oidc/back?")
    return str(back)


def log_in(visitor: Visitor, invitation: str = "") -> Any:
    return visitor.get(back_from(visitor, invitation))


def known(store: Store) -> list[tuple[str, str]]:
    with store.read() as session:
        return [(user.name, user.role) for user in users.everybody(session)]


def test_an_invited_person_needs_no_password_and_is_known_from_then_on(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    visitor = Visitor(page)
    assert f"/oidc/login?invitation={invitation}" in visitor.get(f"/welcome/{invitation}").text
    assert log_in(visitor, invitation).status_code == 303
    assert "Jane Doe" in visitor.get("/").text
    assert "Password until now" not in visitor.get("/account").text
    provider.name = "Jane Miller"
    again = Visitor(page)
    assert "Log in by the hospital" in again.get("/login").text
    assert log_in(again).status_code == 303
    assert known(page.store) == [("Jane Doe", "reader")]


def test_nobody_comes_in_without_an_invitation_or_with_a_used_one(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    refused = log_in(Visitor(page))
    assert refused.status_code == 401
    assert "ask an admin for a one-time link" in refused.text
    assert log_in(Visitor(page), invitation).status_code == 303
    provider.subject = "another"
    refused = log_in(Visitor(page), invitation)
    assert "This link was used" in refused.text
    assert len(known(page.store)) == 1


def test_who_is_kept_out_here_is_not_let_in_by_the_provider(page: Program, invitation: str) -> None:
    assert log_in(Visitor(page), invitation).status_code == 303
    with page.store.write() as session:
        users.set_active(session, SYSTEM, 1, False)
    assert "may not log in any more" in log_in(Visitor(page)).text


def test_a_name_that_somebody_has_gets_a_number_and_no_rights(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    Visitor.of(page, "Jane Doe", Role.ADMIN)
    visitor = Visitor(page)
    assert log_in(visitor, invitation).status_code == 303
    assert "Jane Doe 2" in visitor.get("/").text
    assert visitor.get("/people").status_code == 403
    assert visitor.post("/login", data={"name": "Jane Doe 2", "password": ""}).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "of an older login"}, {"aud": "another page"}, {"exp": 1}, {"iss": "http://evil"}],
)
def test_a_token_that_is_not_for_this_login_is_refused(
    page: Program, provider: LocalProvider, invitation: str, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    refused = log_in(Visitor(page), invitation)
    assert refused.status_code == 401
    assert "did not confirm who you are" in refused.text
    assert known(page.store) == []


def test_a_token_signed_by_others_is_refused(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    provider.key = RSAKey.generate_key(2048, parameters={"kid": "1"})
    assert log_in(Visitor(page), invitation).status_code == 401
    assert known(page.store) == []


def test_a_way_back_belongs_to_the_browser_that_left(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    mallory, anna = Visitor(page), Visitor(page)
    back = back_from(mallory, invitation)
    assert anna.get(back).status_code == 401
    assert mallory.get(back).status_code == 303
    assert mallory.get(back).status_code == 401


def test_a_provider_that_is_away_is_told(store: Store) -> None:
    away = Settings(hosts=("testserver",), oidc=Provider("http://127.0.0.1:1", CLIENT, SECRET))
    visitor = Visitor(Program(store, away))
    answer = visitor.get("/oidc/login")
    assert answer.status_code == 503
    assert "OpenID Connect does not answer" in answer.text


def join(visitor: Visitor) -> Any:
    """Have both logins of somebody joined who is logged in by a password; the page at the end."""
    assert "Join both logins" in visitor.get("/account").text
    confirmed = visitor.form("/oidc/link", password=PASSWORD)
    assert "The password is right" in confirmed.text
    left = visitor.get("/oidc/login", params={"link": "true"})
    answer = httpx2.get(left.headers["location"], follow_redirects=False)
    return visitor.get(answer.headers["location"])


def actions(store: Store) -> list[tuple[str, str, dict[str, Any]]]:
    with store.read() as session:
        entries = session.scalars(select(Entry).order_by(Entry.number))
        return [(one.action, one.subject, one.details) for one in entries]


def test_a_person_with_a_password_logs_in_by_the_provider_as_well(page: Program) -> None:
    anna = Visitor.of(page, "Anna")
    done = join(anna)
    assert (done.status_code, done.headers["location"]) == (303, "/account?linked=true")
    assert "as well as by your password" in anna.get(done.headers["location"]).text
    again = Visitor(page)
    assert log_in(again).status_code == 303
    assert "Anna" in again.get("/account").text
    assert actions(page.store)[-1] == ("user.linked", "user:1", {})
    assert known(page.store) == [("Anna", "reader")]


def test_the_account_that_the_provider_made_before_is_closed(
    page: Program, invitation: str
) -> None:
    before = Visitor(page)
    assert log_in(before, invitation).status_code == 303
    anna = Visitor.of(page, "Anna")
    assert join(anna).status_code == 303
    assert before.get("/").headers["location"] == "/login"
    again = Visitor(page)
    assert log_in(again).status_code == 303
    assert "<h1>Anna</h1>" in again.get("/account").text
    assert actions(page.store)[-2:] == [
        ("user.kept_out", "user:1", {}),
        ("user.linked", "user:2", {"from": "user:1"}),
    ]


def test_nobody_joins_the_login_of_who_is_kept_out_or_has_more_rights(page: Program) -> None:
    with page.store.write() as session:
        admin = users.invite(session, SYSTEM, Role.ADMIN)
    assert log_in(Visitor(page), admin).status_code == 303
    anna = Visitor.of(page, "Anna")
    assert "of an admin; ask an admin" in join(anna).text
    with page.store.write() as session:
        users.set_active(session, SYSTEM, 1, False)
    refused = join(anna)
    assert (refused.status_code, "kept out; ask an admin" in refused.text) == (422, True)
    with page.store.read() as session:
        assert [user.subject is None for user in users.everybody(session)] == [True, False]


def test_both_logins_are_joined_only_by_who_gave_the_password(page: Program) -> None:
    anna, bert = Visitor.of(page, "Anna"), Visitor.of(page, "Bert")
    wrong = anna.form("/oidc/link", password="another password")
    assert (wrong.status_code, "is not right" in wrong.text) == (422, True)
    assert anna.get(back_from(anna)).status_code == 401  # as anybody whom nobody invited
    anna.form("/oidc/link", password=PASSWORD)
    left = anna.get("/oidc/login", params={"link": "true"})
    back = httpx2.get(left.headers["location"], follow_redirects=False).headers["location"]
    assert bert.get(back).status_code == 401
    anna.log_in("Bert", PASSWORD)
    assert "another person is logged in" in anna.get(back).text.lower()
    assert anna.post("/oidc/link", data={"password": PASSWORD}).status_code == 403
    with page.store.read() as session:
        assert {user.subject for user in users.everybody(session)} == {None}


def test_a_person_ends_the_joint_login_by_their_password(
    page: Program, provider: LocalProvider
) -> None:
    anna = Visitor.of(page, "Anna")
    join(anna)
    elsewhere = Visitor(page)
    assert log_in(elsewhere).status_code == 303
    wrong = anna.form("/account/unlink", password="another password")
    assert (wrong.status_code, "is not right" in wrong.text) == (422, True)
    done = anna.form("/account/unlink", password=PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/account?unlinked=true")
    shown = anna.get(done.headers["location"]).text
    assert "by your password alone now" in shown
    assert "Join both logins" in shown
    assert elsewhere.get("/").headers["location"] == "/login"
    assert log_in(Visitor(page)).status_code == 401
    assert actions(page.store)[-1] == ("user.unlinked", "user:1", {})


def test_an_admin_ends_a_joint_login_and_no_login_that_is_the_only_one(
    page: Program, provider: LocalProvider, invitation: str
) -> None:
    carol, anna = Visitor.of(page, "Carol", Role.ADMIN), Visitor.of(page, "Anna")
    join(anna)
    provider.subject, provider.name = "another", "Jane Doe"
    assert log_in(Visitor(page), invitation).status_code == 303
    assert "password, the hospital" in carol.get("/people").text
    assert anna.form("/people/2/unlink").status_code == 403
    assert carol.post("/people/2/unlink").status_code == 403  # from a page elsewhere
    assert carol.form("/people/2/unlink").status_code == 303
    assert anna.get("/").headers["location"] == "/login"
    assert anna.log_in("Anna", PASSWORD).status_code == 303
    refused = carol.form("/people/3/unlink")
    assert (refused.status_code, "has no password" in refused.text) == (422, True)
    for user_id in (2, 9):
        assert carol.form(f"/people/{user_id}/unlink").status_code in {404, 422}
    assert actions(page.store)[-1] == ("user.unlinked", "user:2", {})


def test_it_is_off_unless_configured(store: Store) -> None:
    visitor = Visitor(Program(store, Settings(hosts=("testserver",))))
    assert "OpenID" not in visitor.get("/login").text
    for path in ("/oidc/login", "/oidc/back"):
        assert visitor.get(path).status_code == 404
