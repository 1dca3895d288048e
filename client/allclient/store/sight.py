"""Decides what a reader may see: who reads a case blind sees no other reader's words of it.

A blind reading begins and ends in the store, so that it holds at every address and for programs as
well. Everything that tells people's words takes the ``Sight`` of who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from allclient.errors import RefusedError
from allclient.store.schema import BlindReading, Cell, Entry, Field, Verification

_SPOKEN: Final = ("field.verified", "cell.corrected", "case.signed")
"""Entries of the audit log that tell what people said."""


class BlindError(RefusedError):
    """What was asked for would tell a blind reader what others said."""

    code = "blind"


@dataclass(frozen=True, slots=True)
class Said:
    """The verdict and subtype of a field that a reader may see; empty and None before one."""

    verdict: str = ""
    subtype: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one person may see; ``blind`` are the cases that they read blind."""

    user_id: int | None
    blind: frozenset[int] = frozenset()

    def is_blind(self, case_id: int) -> bool:
        """Return whether the person reads the case blind."""
        return case_id in self.blind

    def require(self, case_id: int) -> None:
        """Raise BlindError for a case that the person reads blind."""
        if self.is_blind(case_id):
            raise BlindError(
                "you read this case blind, and this would tell what others said; "
                "end the blind reading on its page first"
            )

    def said(self, session: Session, fields: Sequence[Field]) -> dict[int, Said]:
        """Return what the person may see of each of these fields, by its id."""
        hidden = [field.id for field in fields if self.is_blind(field.case_id)]
        own: dict[int, Said] = {}
        if hidden:
            rows = session.execute(
                select(Verification.field_id, Verification.verdict, Verification.subtype)
                .where(Verification.field_id.in_(hidden), Verification.user_id == self.user_id)
                .order_by(Verification.id)
            )
            own = {row.field_id: Said(row.verdict, row.subtype) for row in rows}
        return {
            field.id: own.get(field.id, Said())
            if self.is_blind(field.case_id)
            else Said(field.verdict, field.verified_subtype)
            for field in fields
        }

    def history(self, field: Field) -> list[Verification]:
        """Return the verifications of a field that the person may see."""
        blind = self.is_blind(field.case_id)
        return [one for one in field.verifications if not blind or one.user_id == self.user_id]

    def shown_as(self, cell: Cell) -> str:
        """Return the subtype as which a cell is shown to the person."""
        return cell.subtype if self.is_blind(cell.case_id) else cell.shown_as

    def verified(self) -> ColumnElement[bool]:
        """Return whether a field has a verdict that the person may see, as SQL."""
        anybody = Field.verdict != ""
        if not self.blind:
            return anybody
        own = (
            select(Verification.id)
            .where(Verification.field_id == Field.id, Verification.user_id == self.user_id)
            .exists()
        )
        hidden = Field.case_id.in_(self.blind)
        return or_(and_(~hidden, anybody), and_(hidden, own))

    def seen(self) -> ColumnElement[bool]:
        """Return whether a field is of a case that the person does not read blind, as SQL."""
        if not self.blind:
            return true()
        return Field.case_id.not_in(self.blind)

    def entries(self) -> ColumnElement[bool]:
        """Return whether an entry of the audit log may be shown, as SQL.

        What people said is left out while the person reads any case blind.
        """
        return Entry.action.not_in(_SPOKEN) if self.blind else true()


EVERYTHING = Sight(None)
"""What the program itself sees."""


def of(session: Session, user_id: int) -> Sight:
    """Return what a person may see."""
    found = session.scalars(select(BlindReading.case_id).where(BlindReading.user_id == user_id))
    return Sight(user_id, frozenset(found))
