"""Writes files that appear under their name whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from allclient.errors import ConfigurationError
from allclient.report.rowfile import RowFile, opening, writing


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[RowFile]:
    """Open a file beside ``path`` that replaces it if all goes well, and goes if not.

    Raises:
        OutputError: it cannot be written.
        ConfigurationError: no file can have this name.
    """
    new = path.with_name(path.name + ".new")
    with opening(path):
        file = RowFile(new, "wb")
    try:
        with file:
            yield file
            file.sync()
        with writing(repr(str(path))):
            new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def check_target(path: Path, *, replace: bool) -> Path:
    """Return the path without links, of a file that may be written.

    With ``replace`` the file may exist.

    Raises:
        ConfigurationError: it exists, or is a folder, or is in none.
        OutputError: nobody can tell.
    """
    with opening(path):
        resolved = path.resolve()
        if resolved.is_dir():
            raise ConfigurationError(f"{str(path)!r} is a folder: name a file in it")
        if not resolved.parent.is_dir():
            raise ConfigurationError(f"{str(path)!r} cannot be made: there is no such folder")
        if not replace and resolved.exists():
            raise ConfigurationError(f"{str(path)!r} exists: --overwrite replaces it")
    return resolved
