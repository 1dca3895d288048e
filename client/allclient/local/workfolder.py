"""Makes the private folder of one server, and removes those that nobody could remove.

A server's supervisor removes its folder and its shared memory. Where both it and its client were
killed at once, the next start does; a lock that the kernel drops with its last holder tells the
folders of the dead from those of the living.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from allclient.errors import LocalServerError
from allclient.local import supervisor

_PREFIX = "allclient-"
_LOCK = "lock"
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A private folder; ``path`` has mode 0700, ``lock`` is a locked file in it."""

    path: Path
    lock: int

    @property
    def shm_prefix(self) -> str:
        """The start of the server's names in /dev/shm."""
        return f"{self.path.name}-"

    def remove(self) -> None:
        """Remove the folder, and the server's shared memory."""
        os.close(self.lock)
        supervisor.clean(self.path, self.shm_prefix)


def create() -> WorkFolder:
    """Make a folder whose path needs no quotes, on a file system that may hold programs.

    Raises LocalServerError when this machine has no such place.
    """
    tried = []
    for base in _bases():
        if not _NEEDS_NO_QUOTES.fullmatch(str(base)):
            tried.append(f"{base} (its name needs quotes in a shell)")
            continue
        try:
            if os.statvfs(base).f_flag & os.ST_NOEXEC:
                tried.append(f"{base} (mounted noexec)")
                continue
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base)).resolve()
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            _lock(lock)
            return WorkFolder(path, lock)
        except OSError as error:
            tried.append(f"{base} ({error.strerror})")
    raise LocalServerError(
        "no place for the embedded server's temporary folder; tried " + ", ".join(tried)
    )


def sweep() -> None:
    """Remove this user's folders, and the shared memory, of servers that are no more."""
    for base in _bases():
        for lock in base.glob(f"{_PREFIX}*/{_LOCK}"):
            try:
                if lock.stat().st_uid != os.getuid():
                    continue
                handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
            except OSError:
                continue  # just removed by another, or not ours to touch
            folder = WorkFolder(lock.parent, handle)
            try:
                _lock(handle)
            except BlockingIOError:
                os.close(handle)  # in use
            else:
                folder.remove()


def _lock(handle: int) -> None:
    import fcntl  # here, because elsewhere than on Linux a clear message comes before this

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _bases() -> Iterator[Path]:
    places = ["/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108
    with contextlib.suppress(OSError):  # no folder takes a file, which each will say itself
        places.insert(0, tempfile.gettempdir())
    yield from (Path(place) for place in dict.fromkeys(places))
