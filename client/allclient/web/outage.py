"""Tells who asks that the database or the disk fails: no fault of theirs, and it comes back."""

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


DISK_CODE: Final = "disk"

DISK_MESSAGE: Final = (
    "the files of the page cannot be read or written at the moment, and what you sent is not "
    "stored; tell whoever runs the page, and repeat it later"
)


def record(error: Exception) -> None:
    """Log what the database or the disk said, in one line and without names of files."""
    if isinstance(error, OSError):
        _log.error("the data folder cannot be used: %s", error.strerror or type(error).__name__)
        return
    said = error.orig if isinstance(error, DBAPIError) else error
    _log.error("the database does not answer: %s", " ".join(str(said).split()))
