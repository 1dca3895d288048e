"""Keeps images that are read from being written over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from allclient.errors import ConfigurationError


def apart(files: Iterable[str], outputs: Iterable[Path]) -> Iterator[str]:
    """Yield files; end at one that is also a file to write.

    Raises:
        ConfigurationError: the file would be replaced by what is written.
    """
    written = {_identity(path): path for path in outputs}
    written.pop(None, None)
    for file in files:
        if written and (path := written.get(_identity(file))) is not None:
            raise ConfigurationError(
                f"{str(path)!r} is an image of this run and would be written over: "
                "give the results another name"
            )
        yield file


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return what tells a file from all others; None where nothing can be replaced."""
    try:
        status = os.stat(path)  # noqa: PTH116  a path that is no file name is no error here
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
