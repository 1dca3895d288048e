"""People who log in by an OpenID Connect provider, against a real one on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")

from joserfc.jwk import RSAKey

from allclient.store import SYSTEM, Store, users
from allclient.store.words import Role
from allclient.web.oidc import Provider
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.web.conftest import Visitor
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


def test_it_is_off_unless_configured(store: Store) -> None:
    visitor = Visitor(Program(store, Settings(hosts=("testserver",))))
    assert "OpenID" not in visitor.get("/login").text
    for path in ("/oidc/login", "/oidc/back"):
        assert visitor.get(path).status_code == 404
