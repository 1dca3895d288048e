"""Retention: cases that are older than they may be are deleted, and the log says so."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from allclient.store import cases
from allclient.store.actor import Actor
from allclient.store.schema import Case, Signature, now
from allclient.store.store import Store


def older(store: Store, days: int) -> list[int]:
    """The cases that were made and last signed more than ``days`` days ago, the oldest first."""
    limit = now() - timedelta(days=days)
    signed_since = select(Signature.id).where(
        Signature.case_id == Case.id, Signature.created_at >= limit
    )
    with store.read() as session:
        query = select(Case.id).where(Case.created_at < limit, ~signed_since.exists())
        return list(session.scalars(query.order_by(Case.id)))


def apply(store: Store, actor: Actor, days: int) -> int:
    """Delete the cases that ``older`` names, with all that is in them; how many.

    Files that a crash left without a field go as well.
    """
    found = older(store, days)
    for case_id in found:
        cases.delete(store, actor, case_id)
    cases.forget_strays(store)
    return len(found)
