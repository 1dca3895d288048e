from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from allclient.errors import RefusedError
from allclient.store import SYSTEM, Actor, Store, tokens, users
from allclient.store.words import Purpose, Role

PASSWORD = "a long password"


@pytest.fixture(scope="module")
def password_hash() -> str:
    return users.hash_password(PASSWORD)


def test_a_one_time_link_makes_one_person(store: Store, password_hash: str) -> None:
    with store.write() as session:
        assert users.is_empty(session)
        token = users.invite(session, SYSTEM, Role.ADMIN)
    with store.write() as session:
        user = users.accept(session, token, " Anna ", password_hash)
    assert (user.name, user.role) == ("Anna", "admin")
    with pytest.raises(RefusedError, match="was used"), store.write() as session:
        users.accept(session, token, "Mallory", password_hash)


def test_a_link_is_not_used_up_by_a_name_that_is_refused(store: Store, password_hash: str) -> None:
    with store.write() as session:
        users.add(session, SYSTEM, "Anna", password_hash, Role.READER)
        token = users.invite(session, SYSTEM, Role.READER)
    with pytest.raises(RefusedError, match="another name"), store.write() as session:
        users.accept(session, token, "anna", password_hash)
    with store.write() as session:
        users.accept(session, token, "Bert", password_hash)


def test_passwords_are_kept_as_argon2_and_checked(store: Store, password_hash: str) -> None:
    with store.write() as session:
        user = users.add(session, SYSTEM, "Anna", password_hash, Role.READER)
    assert user.password_hash.startswith("$argon2id$")
    assert users.check_password(user, PASSWORD)
    assert not users.check_password(user, PASSWORD + "x")
    assert not users.check_password(None, "nobody's password")


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(RefusedError, match="12 to 200"):
        users.hash_password(password)


def test_secrets_are_kept_as_hashes_and_end(store: Store, password_hash: str) -> None:
    with store.write() as session:
        user = users.add(session, SYSTEM, "Anna", password_hash, Role.READER)
        token, _ = tokens.make(session, Purpose.SESSION, user.id, lasts=timedelta(hours=1))
        old, _ = tokens.make(session, Purpose.SESSION, user.id, lasts=timedelta(seconds=-1))
        assert token not in repr(session.execute(text("SELECT * FROM secrets")).all())
    with store.read() as session:
        found = tokens.find(session, Purpose.SESSION, token)
        assert found is not None
        assert found.user_id == user.id
        assert tokens.find(session, Purpose.API, token) is None
        assert tokens.find(session, Purpose.SESSION, old) is None
        assert tokens.find(session, Purpose.SESSION, "guessed") is None


def test_who_is_kept_out_is_logged_out(store: Store, password_hash: str) -> None:
    with store.write() as session:
        user = users.add(session, SYSTEM, "Anna", password_hash, Role.READER)
        token, _ = tokens.make(session, Purpose.SESSION, user.id, lasts=timedelta(hours=1))
        with pytest.raises(RefusedError, match="another admin"):
            users.set_active(session, Actor("Anna", user.id), user.id, False)
        users.set_active(session, SYSTEM, user.id, False)
        assert tokens.find(session, Purpose.SESSION, token) is None
        assert not users.check_password(user, PASSWORD)
