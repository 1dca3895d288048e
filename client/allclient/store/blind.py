"""Begins and ends blind readings; ``sight`` decides what somebody may see in one."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from allclient.store import audit, cases
from allclient.store.actor import Actor
from allclient.store.schema import BlindReading
from allclient.store.sight import BlindError


def reads_blind(session: Session, actor: Actor, case_id: int) -> bool:
    """Return whether somebody reads a case blind."""
    if actor.user_id is None:
        return False
    return session.get(BlindReading, (case_id, actor.user_id)) is not None


def begin(session: Session, actor: Actor, case_id: int) -> None:
    """Hide what others said of a case from a person, until they end it."""
    cases.get_open(session, case_id)
    if actor.user_id is None or reads_blind(session, actor, case_id):
        return
    session.add(BlindReading(case_id=case_id, user_id=actor.user_id))
    audit.append(session, actor, "blind.begun", f"case:{case_id}")


def end(session: Session, actor: Actor, case_id: int) -> None:
    """Show a person again what others said of a case."""
    cases.get(session, case_id)
    if reads_blind(session, actor, case_id):
        session.execute(
            delete(BlindReading).where(
                BlindReading.case_id == case_id, BlindReading.user_id == actor.user_id
            )
        )
        audit.append(session, actor, "blind.ended", f"case:{case_id}")


def refuse(session: Session, actor: Actor, case_id: int) -> None:
    """Raise BlindError for somebody who reads a case blind and would speak of all of it."""
    if reads_blind(session, actor, case_id):
        raise BlindError("you read this case blind; end the blind reading on its page first")
