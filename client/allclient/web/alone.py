"""Lets one program alone serve the page of a data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from allclient.errors import ConfigurationError


@contextlib.contextmanager
def held(folder: Path, url: str) -> Iterator[None]:
    """Hold a data folder for the page at ``url``. The hold ends with the process, however it ends.

    Raises:
        ConfigurationError: another page works on the folder.
    """
    descriptor = os.open(folder / "web.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"the page at {file.read().strip() or 'another address'} works on the data folder "
                f"{str(folder)!r} already; open that one, or name another folder with --data"
            ) from error
        file.truncate()
        file.write(f"{url}/\n")
        file.flush()
        yield
