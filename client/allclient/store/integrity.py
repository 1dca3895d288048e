"""All checks of the audit log together: the chain, and what people said against it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from allclient.store import audit, cells, signatures, verifications
from allclient.store.audit import Break, Head


def check(session: Session, known: Head | None = None) -> Break | None:
    """The first place where something was changed by hand; None where all of it holds."""
    return (
        audit.check(session, known)
        or verifications.check(session)
        or cells.check(session)
        or signatures.check(session)
    )
