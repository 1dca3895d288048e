"""Keeps people: the first admin, invitations by one-time links, passwords, and roles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from allclient.errors import NotFoundError, RefusedError
from allclient.store import audit, texts, tokens
from allclient.store.actor import Actor
from allclient.store.schema import Secret, User
from allclient.store.words import Purpose, Role

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 200
MAX_NAME: Final = 80

INVITATION_LASTS: Final = timedelta(days=3)
TOKEN_LASTS: Final = timedelta(days=365)

_HASHER: Final = PasswordHasher()
_NOBODYS: Final = _HASHER.hash("nobody's password")
"""Checked where no such person is, so that the time of an answer does not tell."""


def is_empty(session: Session) -> bool:
    """Return whether nobody may log in yet."""
    return session.scalar(select(User.id).limit(1)) is None


def everybody(session: Session) -> Sequence[User]:
    """Return all people, by name."""
    return session.scalars(select(User).order_by(User.name)).all()


def find(session: Session, name: str) -> User | None:
    """A person by name; capital letters do not matter."""
    return session.scalar(select(User).where(func.lower(User.name) == texts.clean(name).lower()))


def hash_password(password: str) -> str:
    """Hash a password, which takes half a second.

    Raises:
        RefusedError: it is too short or too long.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise RefusedError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return _HASHER.hash(password)


def by_subject(session: Session, subject: str) -> User | None:
    """Return the person whom an OpenID Connect provider names so."""
    return session.scalar(select(User).where(User.subject == subject))


def add(
    session: Session,
    actor: Actor,
    name: str,
    password_hash: str,
    role: Role,
    subject: str | None = None,
) -> User:
    """Add a person. Hash the password before the session begins: writers wait for it."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise RefusedError(f"a name has 1 to {MAX_NAME} printable characters")
    if find(session, name) is not None:
        raise RefusedError(f"somebody here is called {name!r} already; take another name")
    user = User(name=name, password_hash=password_hash, role=role.value, subject=subject)
    session.add(user)
    session.flush()
    audit.append(session, actor, "user.added", f"user:{user.id}", {"role": role.value})
    return user


def invite(session: Session, actor: Actor, role: Role) -> str:
    """Return the secret of a one-time link that makes whoever opens it a person with ``role``."""
    token, secret = tokens.make(
        session, Purpose.INVITATION, None, lasts=INVITATION_LASTS, role=role.value
    )
    audit.append(session, actor, "user.invited", f"secret:{secret.id}", {"role": role.value})
    return token


def withdraw_invitations(session: Session) -> None:
    """Make every one-time link that was made before useless."""
    session.execute(delete(Secret).where(Secret.purpose == Purpose.INVITATION.value))


def accept(session: Session, token: str, name: str, password_hash: str) -> User:
    """Return the person that a one-time link makes. The link is used up, also in a race."""
    return add(session, Actor(name.strip()), name, password_hash, _take(session, token))


def accept_subject(session: Session, token: str, name: str, subject: str) -> User:
    """Return the person that a one-time link makes of somebody whom a provider knows.

    Where another person has the name, a number follows it.
    """
    role = _take(session, token)
    shown = "".join(c for c in name if c.isprintable()).strip()[: MAX_NAME - 4] or "Somebody"
    numbered = (f"{shown} {number}" for number in range(2, 1000))
    free = next(one for one in (shown, *numbered) if find(session, one) is None)
    return add(session, Actor(free), free, "", role, subject)


def link(session: Session, actor: Actor, user_id: int, subject: str) -> None:
    """Let a person log in by an OpenID Connect provider, too, which names them ``subject``.

    An account that the provider's login made before loses it. What was said there stays in its
    name, and without a password nobody comes in there any more.

    Raises:
        RefusedError: the login is that of an account whose rights this person has not.
    """
    user = session.get_one(User, user_id)
    before = by_subject(session, subject)
    if before is not None and before.id != user.id:
        if not before.active or (before.role, user.role) == (Role.ADMIN.value, Role.READER.value):
            kind = "of an admin" if before.active else "kept out"
            raise RefusedError(
                f"this login belongs to the account {before.name!r}, which is {kind}; ask an admin"
            )
        before.subject = None
        session.flush()  # two accounts never have one
        tokens.revoke_all(session, before.id)
        if not before.password_hash:
            before.active = False
            audit.append(session, actor, "user.kept_out", f"user:{before.id}")
    user.subject = subject
    details = {} if before is None else {"from": f"user:{before.id}"}
    audit.append(session, actor, "user.linked", f"user:{user.id}", details)


def unlink(session: Session, actor: Actor, user_id: int) -> User:
    """Let a person log in by their password alone; they are logged out everywhere.

    Raises:
        RefusedError: they have no such login, or no password that would be left.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("there is no such person")
    if user.subject is None:
        raise RefusedError(f"{user.name} logs in by no OpenID Connect provider")
    if not user.password_hash:
        raise RefusedError(
            f"{user.name} has no password, so this login is the only one; "
            "an admin may keep the person out instead"
        )
    user.subject = None
    tokens.revoke_sessions(session, user.id)
    audit.append(session, actor, "user.unlinked", f"user:{user.id}")
    return user


def _take(session: Session, token: str) -> Role:
    """Use up a one-time link, and return the role that it gives."""
    secret = tokens.find(session, Purpose.INVITATION, token)
    if secret is None or secret.role is None:
        raise RefusedError("this link was used or is too old; ask an admin for a new one")
    role = Role(secret.role)
    session.delete(secret)
    session.flush()
    return role


def make_token(session: Session, actor: Actor, user_id: int, name: str) -> str:
    """A personal token for a program of this person, which may do what the person may."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise RefusedError(f"the name of a token has 1 to {MAX_NAME} printable characters")
    token, secret = tokens.make(session, Purpose.API, user_id, lasts=TOKEN_LASTS, name=name)
    audit.append(session, actor, "token.made", f"secret:{secret.id}", {"user": user_id})
    return token


def withdraw_token(session: Session, actor: Actor, user_id: int, secret_id: int) -> None:
    """A token of this person is no longer good. Raises NotFoundError for anybody else's."""
    secret = session.get(Secret, secret_id)
    if secret is None or secret.user_id != user_id or secret.purpose != Purpose.API.value:
        raise NotFoundError("you have no such token")
    session.delete(secret)
    audit.append(session, actor, "token.withdrawn", f"secret:{secret_id}", {"user": user_id})


def check_password(user: User | None, password: str) -> bool:
    """Return whether the password is that of an active person, after half a second."""
    try:
        _HASHER.verify((user.password_hash if user else "") or _NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return user is not None and user.active and bool(user.password_hash)


def change_password(session: Session, actor: Actor, user_id: int, password_hash: str) -> User:
    """Give a person another password; they are logged out everywhere."""
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise NotFoundError("there is no such person")
    user.password_hash = password_hash
    tokens.revoke_sessions(session, user_id)
    audit.append(session, actor, "user.password_changed", f"user:{user_id}")
    return user


def set_active(session: Session, actor: Actor, user_id: int, active: bool) -> None:
    """Let a person in or keep them out; who is kept out is logged out at once."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("there is no such person")
    if user.id == actor.user_id:
        raise RefusedError("nobody locks themselves out; ask another admin")
    user.active = active
    if not active:
        tokens.revoke_all(session, user.id)
    action = "user.let_in" if active else "user.kept_out"
    audit.append(session, actor, action, f"user:{user.id}")
