"""Keeps secrets that are shown once, as hashes: sessions, one-time links, tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from allclient.store.schema import Secret, now
from allclient.store.words import Purpose

_GOOD: Final = select(Secret).where(
    Secret.digest == bindparam("digest"),
    Secret.purpose == bindparam("purpose"),
    Secret.expires_at > bindparam("now"),
)
"""Made once, as it is asked for each request."""


def make(
    session: Session,
    purpose: Purpose,
    user_id: int | None,
    *,
    lasts: timedelta,
    role: str | None = None,
    name: str | None = None,
) -> tuple[str, Secret]:
    """Return a new secret and its row. The secret itself is nowhere in the store."""
    token = secrets.token_urlsafe(32)
    secret = Secret(
        digest=_digest(token),
        purpose=purpose.value,
        user_id=user_id,
        role=role,
        name=name,
        expires_at=now() + lasts,
    )
    session.add(secret)
    session.flush()
    return token, secret


def find(session: Session, purpose: Purpose, token: str) -> Secret | None:
    """Return the row of a secret that is still good, of an active person if it is a person's."""
    wanted = {"digest": _digest(token), "purpose": purpose.value, "now": now()}
    secret = session.scalar(_GOOD, wanted)
    if secret is not None and secret.user is not None and not secret.user.active:
        return None
    return secret


def of_user(session: Session, purpose: Purpose, user_id: int) -> Sequence[Secret]:
    """Return the secrets of a person for one purpose."""
    query = select(Secret).where(Secret.purpose == purpose.value, Secret.user_id == user_id)
    return session.scalars(query.order_by(Secret.id)).all()


def revoke(session: Session, purpose: Purpose, token: str) -> None:
    """Make a secret good for nothing."""
    session.execute(
        delete(Secret).where(Secret.digest == _digest(token), Secret.purpose == purpose.value)
    )


def revoke_all(session: Session, user_id: int) -> None:
    """Revoke every session and token of a person."""
    session.execute(delete(Secret).where(Secret.user_id == user_id))


def revoke_sessions(session: Session, user_id: int) -> None:
    """Log a person out everywhere; the tokens of their programs stay good."""
    session.execute(
        delete(Secret).where(Secret.user_id == user_id, Secret.purpose == Purpose.SESSION.value)
    )


def forget_expired(session: Session) -> None:
    """Delete the secrets that are too old."""
    session.execute(delete(Secret).where(Secret.expires_at <= now()))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
