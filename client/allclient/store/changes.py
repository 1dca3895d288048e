"""Tells what changed in a case since somebody looked at it, by the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from allclient.errors import ConflictError
from allclient.store.actor import SYSTEM
from allclient.store.schema import Cell, Entry, Field

_OF_FIELDS: Final = {
    "field.uploaded": "added",
    "field.answered": "answered",
    "field.failed": "could not read",
    "field.tried_again": "asked again for the answer of",
    "field.verified": "verified",
}
"""What an entry says of a field that it changed."""

_OF_CELLS: Final = {"cell.corrected": "corrected"}
_WORDS: Final = _OF_FIELDS | _OF_CELLS

_NAMED: Final = 5
_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """The latest change of a field, or of one cell in it."""

    field_id: int
    field_name: str
    by: str
    action: str
    cell_id: int | None = None
    cell_number: int | None = None

    def __str__(self) -> str:
        what = "" if self.cell_number is None else f"cell {self.cell_number + 1} of "
        who = "the backbones" if self.by == SYSTEM.name else self.by
        return f"{who} {_WORDS[self.action]} {what}{self.field_name}"


class ChangedError(ConflictError):
    """What somebody speaks of is not what they saw; ``changes`` says what else it is."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes[:_TOLD]
        named = "; ".join(str(change) for change in changes[:_NAMED])
        rest = f"; and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
        super().__init__(
            f"The case changed while you looked at it: {named}{rest}. "
            "Nothing was signed; look at them and decide"
        )


def since(session: Session, case_id: int, seen: int, shown: Mapping[int, int]) -> list[Change]:
    """Return what changed in the fields and cells of a case after an entry of the audit log.

    ``seen`` is the number of the entry. Fields that are in ``shown`` with the version that they
    have now are left out.
    """
    entries = select(Entry.actor, Entry.action, Field.id, Field.name, Field.version)
    fields = session.execute(
        entries.join(Field, Field.id == _id_after("field:"))
        .where(Entry.number > seen, Entry.action.in_(_OF_FIELDS), Field.case_id == case_id)
        .order_by(Entry.number)
    )
    cells = session.execute(
        entries.add_columns(Cell.id.label("cell"), Cell.number)
        .join(Cell, Cell.id == _id_after("cell:"))
        .join(Field, Field.id == Cell.field_id)
        .where(Entry.number > seen, Entry.action.in_(_OF_CELLS), Cell.case_id == case_id)
        .order_by(Entry.number)
    )
    latest: dict[tuple[int, int | None], Change] = {}
    for row in fields:
        if shown.get(row.id) != row.version:
            latest[row.id, None] = Change(row.id, row.name, row.actor, row.action)
    for row in cells:
        latest[row.id, row.cell] = Change(
            row.id, row.name, row.actor, row.action, row.cell, row.number
        )
    return list(latest.values())


def who_changed(session: Session, field_id: int) -> str:
    """Return who changed a field last, as the beginning of a sentence."""
    found = session.scalar(
        select(Entry.actor)
        .where(Entry.subject == f"field:{field_id}", Entry.action.in_(_OF_FIELDS))
        .order_by(Entry.number.desc())
        .limit(1)
    )
    return "The backbones" if found == SYSTEM.name else found or "Somebody"


def _id_after(kind: str) -> ColumnElement[int]:
    """Return the id in the subject of an entry, as SQL: the database begins with the entries."""
    return cast(func.substr(Entry.subject, len(kind) + 1), Integer)
