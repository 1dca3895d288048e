"""Finds out who asks: a person by a session's cookie, or a program by a personal token."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.orm import Session

from allclient.errors import RefusedError
from allclient.store import Actor, Store, sight, tokens, users
from allclient.store.schema import User
from allclient.store.sight import Sight
from allclient.store.words import Purpose, Role

COOKIE: Final = "allclient_session"
SESSION_LASTS: Final = timedelta(hours=12)
CSRF_HEADER: Final = "x-csrf-token"

_SAFE: Final = {"GET", "HEAD", "OPTIONS"}
_FORM: Final = "application/x-www-form-urlencoded"
_HASHES_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Each takes 64 MiB and half a second of a core."""


class LoginNeededError(Exception):
    """Nobody is logged in, or the token of a program is not good."""


class ForbiddenError(RefusedError):
    """Somebody is logged in, and this is not for them or not from their page."""

    code = "forbidden"


class TooManyTriesError(Exception):
    """Somebody guesses passwords."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is logged in. ``csrf`` goes with everything that their pages change."""

    user: User
    csrf: str
    by_token: bool = False
    """A program, which may do what the person may, but not make itself further tokens."""

    @property
    def actor(self) -> Actor:
        """The person as the audit log names them."""
        return Actor(self.user.name, self.user.id)

    def sight(self, session: Session) -> Sight:
        """Return what the person may see."""
        return sight.of(session, self.user.id)

    @property
    def is_admin(self) -> bool:
        """Whether the person is an admin."""
        return self.user.role == Role.ADMIN.value


async def visitor(request: Request) -> Visitor:
    """Return who asks.

    Raises:
        LoginNeededError: nobody is logged in.
        ForbiddenError: a page elsewhere made the browser ask.
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await run_in_threadpool(_find, request, Purpose.API, bearer.strip())
    found = await run_in_threadpool(
        _find, request, Purpose.SESSION, request.cookies.get(COOKIE, "")
    )
    if request.method not in _SAFE:
        given = request.headers.get(CSRF_HEADER, "")
        if not given and request.headers.get("content-type", "").startswith(_FORM):
            given = str((await request.form()).get("csrf", ""))
        if not hmac.compare_digest(given.encode(), found.csrf.encode()):
            raise ForbiddenError("the page is too old for this; load it again and repeat")
    return found


def _find(request: Request, purpose: Purpose, token: str) -> Visitor:
    store: Store = request.app.state.store
    with store.read() as session:
        secret = tokens.find(session, purpose, token) if token else None
    if secret is None or secret.user is None:
        raise LoginNeededError
    return Visitor(secret.user, csrf_of(token), purpose is Purpose.API)


def csrf_of(token: str) -> str:
    """Return what a page shows to prove that it is ours: it follows from the cookie, not back."""
    return hashlib.sha256(f"csrf {token}".encode()).hexdigest()


async def person(found: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """Return who is logged in.

    Raises:
        ForbiddenError: a program asks, by a token.
    """
    if found.by_token:
        raise ForbiddenError("only a person who is logged in may do this, and no program")
    return found


async def admin(found: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """Return who asks, if it is an admin. Raises ForbiddenError."""
    if not found.is_admin:
        raise ForbiddenError("only an admin may do this")
    return found


Anybody = Annotated[Visitor, Depends(visitor)]
Person = Annotated[Visitor, Depends(person)]
Admin = Annotated[Visitor, Depends(admin)]


class Login:
    """Checks passwords, and stops who guesses them."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._by_person = RateLimitItemPerMinute(8, 15)
        self._by_address = RateLimitItemPerMinute(60, 15)

    def log_in(self, store: Store, name: str, password: str, address: str) -> str:
        """Return the token of a new session. Raises RefusedError and TooManyTriesError."""
        name = name.strip()
        self._count(name, address)
        with store.read() as session:
            user = users.find(session, name)
        if not _is_password(user, password) or user is None:
            raise RefusedError("the name or the password is not right")
        self._forget(name, address)
        return open_session(store, user)

    def confirm(self, user: User, password: str, address: str) -> None:
        """Check the password of somebody who is logged in, within the limits of a login.

        Raises:
            RefusedError: it is another password.
            TooManyTriesError: somebody guesses.
        """
        self._count(user.name, address)
        if not _is_password(user, password):
            raise RefusedError("the password until now is not right")
        self._forget(user.name, address)

    def _count(self, name: str, address: str) -> None:
        # Counted before the check: guesses at the same time count, too.
        within = self._limiter.hit(self._by_address, address)
        if not (self._limiter.hit(self._by_person, name.lower(), address) and within):
            raise TooManyTriesError

    def _forget(self, name: str, address: str) -> None:
        self._limiter.clear(self._by_person, name.lower(), address)


def _is_password(user: User | None, password: str) -> bool:
    with _HASHES_AT_ONCE:
        return users.check_password(user, password)


def open_session(store: Store, user: User) -> str:
    """Return the token of a new session; one that a browser brought is never taken over."""
    with store.write() as session:
        tokens.forget_expired(session)
        token, _ = tokens.make(session, Purpose.SESSION, user.id, lasts=SESSION_LASTS)
    return token


def hash_password(password: str) -> str:
    """Hash a password, with few at once."""
    with _HASHES_AT_ONCE:
        return users.hash_password(password)
