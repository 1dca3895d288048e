"""Finds the leukocytes of fields and cases by class, and corrects them one by one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from allclient.contract import Subtype
from allclient.errors import ConflictError, NotFoundError
from allclient.store import audit, blind, cases
from allclient.store.actor import Actor
from allclient.store.audit import Break
from allclient.store.schema import Cell, Correction, Entry, now

_ACTION = "cell.corrected"


def get(session: Session, cell_id: int) -> Cell:
    """Return a cell with its field and what people said of it."""
    cell = session.scalar(
        select(Cell)
        .where(Cell.id == cell_id)
        .options(joinedload(Cell.field), selectinload(Cell.corrections))
        .execution_options(populate_existing=True)
    )
    if cell is None:
        raise NotFoundError("there is no such cell; its case may have been deleted")
    return cell


def of_field(session: Session, field_id: int) -> Sequence[Cell]:
    """Return the cells of a field, in order."""
    return session.scalars(
        select(Cell).where(Cell.field_id == field_id).order_by(Cell.number)
    ).all()


def by_subtype(
    session: Session, case_id: int, subtype: Subtype, *, limit: int, offset: int = 0
) -> Sequence[Cell]:
    """Return the cells of a case that are shown as ``subtype``, the likeliest first."""
    return session.scalars(
        select(Cell)
        .where(Cell.case_id == case_id, Cell.shown_as == subtype.value)
        .order_by(Cell.probability.desc(), Cell.id)
        .limit(limit)
        .offset(offset)
        .options(joinedload(Cell.field))
    ).all()


def counts(session: Session, case_id: int) -> dict[Subtype, int]:
    """Return how many cells of a case are shown as each subtype."""
    rows = session.execute(
        select(Cell.shown_as, func.count()).where(Cell.case_id == case_id).group_by(Cell.shown_as)
    )
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    return {subtype: found.get(subtype.value, 0) for subtype in Subtype}


def correct(session: Session, actor: Actor, cell_id: int, *, seen: int, subtype: Subtype) -> Cell:
    """Say what a cell is, by somebody who saw its version ``seen``.

    Raises ConflictError where somebody else corrected it in the meantime.
    """
    cell = get(session, cell_id)
    cases.get_open(session, cell.case_id)
    blind.refuse(session, actor, cell.case_id)
    if cell.version != seen:
        last = cell.corrections[-1].user_name if cell.corrections else "somebody"
        # It does not tell the class: whoever is refused may be reading blind.
        raise ConflictError(
            f"{last} corrected this cell in the meantime. "
            "Nothing of yours was saved; look again and decide"
        )
    correction = Correction(
        cell=cell,
        user_id=actor.user_id,
        user_name=actor.name,
        subtype=subtype.value,
        created_at=now(),
    )
    session.add(correction)
    cell.shown_as = subtype.value
    cell.corrected = True
    cell.version += 1
    session.flush()
    audit.append(
        session,
        actor,
        _ACTION,
        f"cell:{cell_id}",
        {"correction": correction.id, "subtype": subtype.value},
    )
    return cell


def check(session: Session) -> Break | None:
    """The first correction that is not the one in the audit log, as it was changed by hand."""
    logged = {
        entry.details.get("correction"): entry
        for entry in session.scalars(select(Entry).where(Entry.action == _ACTION))
    }
    for row in session.scalars(select(Correction).order_by(Correction.id)):
        entry = logged.get(row.id)
        if entry is None:
            return Break(0, f"has no entry for the correction {row.id} of cell {row.cell_id}")
        facts = (entry.details.get("subtype"), entry.actor, entry.subject)
        if facts != (row.subtype, row.user_name, f"cell:{row.cell_id}"):
            return Break(
                entry.number, f"says otherwise than the correction {row.id}, which was changed"
            )
    return None
