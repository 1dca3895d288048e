"""Writes files that are on disk, whole, once ``write`` has returned; none is left in part."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import Final

PART: Final = ".part"

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskFullError(Exception):
    """There is no room for an object, and nothing of it is left."""


def write(path: Path, data: bytes) -> None:
    """Write ``.part``, sync it, rename it, sync the folder. Raises DiskFullError, OSError."""
    # Two threads that write one name take turns; two processes do not know of each other.
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.rename(path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if error.errno in _FULL:
            raise DiskFullError from error
        raise


def sync(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_room(folder: Path, least: int) -> None:
    """Check that at least ``least`` bytes are free. Raises DiskFullError."""
    if shutil.disk_usage(folder).free < least:
        raise DiskFullError
