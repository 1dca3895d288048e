"""Keeps the audit log: who did what to what, and when, in a chain that shows every change.

Each entry holds the SHA-256 of its own content and of the entry before it. Who changes, removes or
inserts an entry breaks the chain at that place, and ``check`` says where. Entries cut off at the
end leave a whole, shorter chain: keep ``head`` elsewhere from time to time and check against it.
The database refuses UPDATE and DELETE on the table by triggers, which stop accidents, not owners.

Names of patients, cases and files do not stand in the log: it outlives what is deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from allclient.errors import ConfigurationError
from allclient.store.actor import Actor
from allclient.store.schema import Entry, now

START: Final = "0" * 64
"""What the first entry names as the digest before it."""

_BATCH: Final = 1000

_LAST: Final = select(Entry.number, Entry.digest).order_by(Entry.number.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry: its number and digest. ``str()`` is what a person keeps."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read the head that ``str()`` gave. Raises ConfigurationError."""
        number, _, digest = text.strip().partition(":")
        if not number.isdecimal() or len(digest) != len(START):
            raise ConfigurationError("the end of a log is written as NUMBER:DIGEST")
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.number} {self.reason}"


def append(
    session: Session, actor: Actor, action: str, subject: str, details: dict[str, Any] | None = None
) -> None:
    """Add an entry. The session is one of ``Store.write``, where writers take turns."""
    extend(session, actor, action, [(subject, details or {})])


def extend(
    session: Session, actor: Actor, action: str, done: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    """Add an entry for each subject and its details, in this order."""
    last = head(session)
    for subject, details in done:
        entry = Entry(
            number=last.number + 1,
            at=now(),
            actor=actor.name,
            action=action,
            subject=subject,
            details=details,
            previous=last.digest,
        )
        entry.digest = digest_of(entry)
        session.add(entry)
        last = Head(entry.number, entry.digest)


def digest_of(entry: Entry) -> str:
    """Return the SHA-256 of everything that an entry says, and of the digest before it."""
    content = [
        entry.number,
        entry.at.isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
        entry.previous,
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def head(session: Session) -> Head:
    """Return the end of the chain; number 0 while the log is empty."""
    last = session.execute(_LAST).first()
    return Head(0, START) if last is None else Head(last.number, last.digest)


def check(session: Session, known: Head | None = None) -> Break | None:
    """Return where the chain breaks; None if it holds and, with ``known``, still has that entry."""
    last = Head(0, START)
    rows = session.scalars(select(Entry).order_by(Entry.number).execution_options(yield_per=_BATCH))
    for entry in rows:
        if entry.number != last.number + 1:
            return Break(last.number + 1, "is missing")
        if entry.previous != last.digest:
            return Break(entry.number, "does not follow from the entry before it")
        if digest_of(entry) != entry.digest:
            return Break(entry.number, "was changed")
        last = Head(entry.number, entry.digest)
        if known is not None and known.number == last.number and known != last:
            return Break(last.number, "is another one than the digest that was kept")
    if known is not None and known.number > last.number:
        return Break(last.number + 1, f"is missing: the log once had {known.number} entries")
    return None
