"""Keeps Triton's log: in the file that the user names, or in a private one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from allclient.errors import ConfigurationError


class ServerLog:
    """The log of one server over all its starts.

    ``path`` is None while there is none.
    """

    def __init__(self, named: Path | None) -> None:
        self.path = self._given = named
        self._private: Path | None = None
        self._begin = 0
        self._begun = False

    def begin(self, private: Path) -> Path:
        """Begin a new start; return the file to write to, ``private`` if the user named none.

        Raises ConfigurationError when it cannot be written.
        """
        self._private = private
        self.path = self._given or private
        mode = os.O_APPEND if self._begun else os.O_TRUNC
        try:
            # 0600: paths and addresses are nobody else's business.
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
            self._begin = os.fstat(handle).st_size
            os.close(handle)
        except OSError as error:
            raise ConfigurationError(
                f"the log file {self.path} cannot be written: {error.strerror}"
            ) from error
        self._begun = True
        return self.path

    def text(self) -> str:
        """Return what was written since the last start."""
        if self.path is None:
            return ""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode("utf-8", errors="replace")
        return ""

    def keep(self) -> None:
        """Save the private log from the folder that goes with the server."""
        if self.path is not None and self.path == self._private:
            handle, name = tempfile.mkstemp(prefix="allclient-server-", suffix=".log")
            os.close(handle)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self.path, name)
            self.path, self._private = Path(name), None

    def end(self) -> None:
        """Note that the server and its folder are gone: the next start is a first one."""
        if self.path is not None and self.path == self._private:
            self.path = None
        self._private = None
        self._begun = False
