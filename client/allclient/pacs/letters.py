"""Shows what the queue holds to people: counts, what is stuck and why, and trying it again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from allclient.pacs.database import Database
from allclient.pacs.uids import key_of

_OBJECTS: Final = "SELECT key, state, tries, reason, came AS at, peer AS who FROM objects"
_REPORTS: Final = "SELECT uid AS key, state, tries, reason, made AS at, '' AS who FROM reports"
_EXPORTS: Final = (
    "SELECT e.instance AS key, e.state, e.tries, e.reason, r.made AS at, "
    "e.kind || ' to ' || e.target AS who FROM exports e JOIN reports r ON r.uid = e.report"
)
_STUCK: Final = ("dead", "refused")


@dataclass(frozen=True, slots=True)
class Letter:
    """One piece of work. ``key`` names it; nothing here names a patient."""

    kind: str
    key: str
    state: str
    tries: int
    reason: str
    at: float
    who: str

    @property
    def age(self) -> str:
        """How old it is, in words."""
        seconds = max(0, time.time() - self.at)
        for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds / size:.0f} {unit}"
        return f"{seconds:.0f} s"


def counts(database: Database) -> dict[tuple[str, str], int]:
    """Return how many of each kind are in each state."""
    by_kind = {}
    for kind in ("objects", "reports", "exports"):
        query = f"SELECT state, count(*) AS number FROM {kind} GROUP BY state"  # noqa: S608
        for row in database.rows(query):
            by_kind[kind, row["state"]] = row["number"]
    return by_kind


def letters(database: Database, *, everything: bool = False) -> list[Letter]:
    """Return what is stuck (dead or refused) or, with ``everything``, all; oldest first."""
    rows = [
        Letter(
            kind,
            key_of(row["key"]) if kind != "object" else row["key"],
            row["state"],
            row["tries"],
            row["reason"],
            row["at"],
            row["who"],
        )
        for kind, query in (("object", _OBJECTS), ("report", _REPORTS), ("export", _EXPORTS))
        for row in database.rows(query)
        if everything or row["state"] in _STUCK
    ]
    return sorted(rows, key=lambda letter: letter.at)


def retry(database: Database, keys: tuple[str, ...]) -> int:
    """Put dead letters back, those of ``keys`` or all; return how many."""
    chosen = [
        letter
        for letter in letters(database)
        if not keys or any(letter.key.startswith(key) for key in keys)
    ]
    with database.transaction() as connection:
        for letter in chosen:
            if letter.kind == "object":
                connection.execute(
                    "UPDATE objects SET state = 'received', tries = 0, due = 0 WHERE key = ?",
                    (letter.key,),
                )
        names = {letter.key for letter in chosen}
        for table, column, state in (("reports", "uid", "due"), ("exports", "instance", "waiting")):
            for row in connection.execute(
                f"SELECT {column} AS name FROM {table} WHERE state = 'dead'"  # noqa: S608
            ).fetchall():
                if key_of(row["name"]) in names:
                    connection.execute(
                        f"UPDATE {table} SET state = ?, tries = 0, due = 0 "  # noqa: S608
                        f"WHERE {column} = ? AND state = 'dead'",
                        (state, row["name"]),
                    )
    return len(chosen)
