"""Makes folders, and finds out at once whether files can be written into them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from allclient.errors import ConfigurationError


def require_writable(folder: Path, option: str) -> None:
    """Make a folder if it is not there, and write into it once.

    Raises:
        ConfigurationError: it cannot be used; ``option`` names another one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise ConfigurationError(
            f"the folder {str(folder)!r} cannot be used: {error.strerror or error}; let this user "
            f"write to it, or name another one with {option}"
        ) from error
