"""Opens a file that takes rows: what cannot be written is an OutputError that names it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from allclient.errors import ConfigurationError, OutputError

_WRONG_NAME: Final = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
}
"""What no room and no right would help against: the name itself cannot be that of an output."""

_NO_SYNC: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Error numbers of files that know no fsync."""


@contextlib.contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn an OSError into ConfigurationError for a wrong name, and into OutputError else."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # Path.resolve() calls a loop of links the latter
        code = getattr(error, "errno", errno.ELOOP)
        raise _cannot_write(repr(str(path)), error, code in _WRONG_NAME) from error


@contextlib.contextmanager
def writing(name: str) -> Iterator[None]:
    """Turn an OSError into OutputError; BrokenPipeError, of a reader that went away, stays.

    ``name`` is what the message says could not be written, a path with its quotes.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write(name, error, wrong_name=False) from error


def _cannot_write(
    name: str, error: Exception, wrong_name: bool
) -> ConfigurationError | OutputError:
    reason = getattr(error, "strerror", None) or error
    kind = ConfigurationError if wrong_name else OutputError
    return kind(f"cannot write {name}: {reason}")


def open_raw(path: Path, mode: str) -> io.FileIO:
    """Open the file itself, with no buffer above it."""
    return io.FileIO(path, mode)


class RowFile:
    """A binary file that holds nothing back: a row is in it, whole, when ``write`` returns.

    So closing it has nothing left to write, and after a full disk the rows before are whole.
    Opening raises OSError; everything else OutputError.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._name = repr(str(path))
        self._file = open_raw(path, mode)

    def write(self, data: bytes) -> None:
        """Write a row, whole or not at all."""
        left = memoryview(data)
        with writing(self._name):
            try:
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                self._take_back(len(data) - len(left))
                raise

    def lock(self) -> None:
        """Keep the file from other runs until it is closed, where the system can.

        Raises:
            ConfigurationError: another run writes it.
        """
        try:
            import fcntl  # Windows has none

            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise ConfigurationError(
                f"another run writes {self._name} now: wait for its end, or name another file"
            ) from error
        except (ImportError, OSError):
            pass  # nor have some network folders

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def seek(self, position: int) -> None:
        """Move to a place in the file."""
        with writing(self._name):
            self._file.seek(position)

    def tell(self) -> int:
        """Return the place in the file."""
        with writing(self._name):
            return self._file.tell()

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        with writing(self._name):
            self._file.truncate(size)

    def sync(self) -> None:
        """Wait until it is on the disk."""
        with writing(self._name):
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                if error.errno not in _NO_SYNC:
                    raise

    def close(self) -> None:
        """Close it: some file systems tell only now that there was no room.

        A second call does nothing.
        """
        with writing(self._name):
            self._file.close()

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_back(self, written: int) -> None:
        """Leave no torn row; reading back would cope with one."""
        if written:
            with contextlib.suppress(OSError):
                self._file.truncate(self._file.tell() - written)
