"""Tells who asks that the database does not answer: no fault of theirs, and it comes back."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

_log = logging.getLogger(__name__)

STATUS: Final = 503
CODE: Final = "database"

MESSAGE: Final = (
    "the database does not answer at the moment, and what you sent may not be stored; "
    "wait until it is back, look what is there, and repeat what is missing"
)

ERRORS: Final[tuple[type[Exception], ...]] = (OperationalError, InterfaceError, TimeoutError)
"""What SQLAlchemy raises for a database that is away, starts, is locked or has a full disk."""


def record(error: Exception) -> None:
    """Log what the database said, in one line."""
    said = error.orig if isinstance(error, DBAPIError) else error
    _log.error("the database does not answer: %s", " ".join(str(said).split()))
