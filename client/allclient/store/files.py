"""Keeps files by the SHA-256 of their content, in a folder or at any fsspec address.

A file is received into the local folder ``incoming`` first, where it is counted and hashed; its
name never becomes a path. What stands in the store is whole: it appears by one rename in a folder,
or by one put at an object store.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import fsspec

from allclient.errors import ConfigurationError, NotFoundError, RefusedError, StoreError
from allclient.store import folders, media

_LEFT_BEHIND: Final = 24 * 3600.0
"""Seconds after which a file in ``incoming`` belongs to a process that is gone."""

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY
_REPLACED: Final = {"file", "local"}


class Incoming:
    """A file on its way in; nothing of it is on the disk before the first ``write``."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.path = folder / secrets.token_hex(16)
        self.size = 0
        self._file: IO[bytes] | None = None
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._start = b""

    def write(self, chunk: bytes) -> None:
        """Take in a piece. Raises RefusedError beyond ``max_bytes``."""
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise RefusedError(f"the file is larger than {self._max_bytes / 1e6:.0f} MB")
        if self._file is None:
            self._file = os.fdopen(os.open(self.path, _NEW, 0o600), "wb")
        self._start = (self._start + chunk[: media.START])[: media.START]
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> None:
        """Put everything on the disk. Raises RefusedError for all but images."""
        self.media_type = media.media_type(self._start)
        assert self._file is not None  # who has a start was written
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close and remove the file; a second time does nothing."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk, which was told already
                self._file.close()
            self._file = None
            self.path.unlink(missing_ok=True)


class Files:
    """``url`` is a folder, or an fsspec address such as ``s3://bucket/folder``."""

    def __init__(self, url: str, incoming: Path) -> None:
        self._incoming = incoming
        try:
            self._system, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(f"files cannot be kept at {url!r}: {error}") from error
        protocol = self._system.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._local = bool(names & _REPLACED)

    def require_writable(self) -> None:
        """Write once where files are kept, if that is a folder. Raises ConfigurationError."""
        if self._local:
            folders.require_writable(Path(self._root), "--files")

    def receive(self, max_bytes: int) -> contextlib.closing[Incoming]:
        """Return a file to write to; it is gone at the end of the block unless it was kept."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        return contextlib.closing(Incoming(self._incoming, max_bytes))

    def keep(self, incoming: Incoming) -> None:
        """Put a finished file in its place. To keep it again changes nothing."""
        place = self._place(incoming.digest)
        if self._system.exists(place):
            return
        if not incoming.path.exists():
            raise StoreError("the file was deleted here in the meantime; upload it again")
        if not self._local:
            self._system.makedirs(self._system._parent(place), exist_ok=True)
            self._system.put_file(str(incoming.path), place)
            return
        target = Path(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        incoming.path.replace(target)
        for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
            _sync(folder)

    def read(self, digest: str) -> bytes:
        """Return a file's bytes, held against its digest. Raises NotFoundError and StoreError."""
        try:
            data: Any = self._system.cat_file(self._place(digest))
        except FileNotFoundError as error:
            raise NotFoundError(f"the file {digest[:12]} is not in the store any more") from error
        assert isinstance(data, bytes)
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(f"the file {digest[:12]} in the store is damaged; restore a backup")
        return data

    def exists(self, digest: str) -> bool:
        """Return whether the file is kept."""
        return bool(self._system.exists(self._place(digest)))

    def delete(self, digest: str) -> None:
        """Delete the file, if it is kept."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._place(digest))

    def all(self) -> set[str]:
        """Return the digests of all files that are kept."""
        return {path.rpartition("/")[2] for path in self._system.find(self._root)}

    def is_old(self, digest: str) -> bool:
        """Return whether a file was kept so long ago that no upload of it can still go on."""
        since: datetime = self._system.modified(self._place(digest))
        return (datetime.now(since.tzinfo or UTC) - since).total_seconds() > _LEFT_BEHIND

    def sweep(self) -> int:
        """Remove what processes that ended left in ``incoming``; return how many files."""
        old = time.time() - _LEFT_BEHIND
        removed = 0
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()
                    removed += 1
        return removed

    def _place(self, digest: str) -> str:
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise NotFoundError("a file is named by its SHA-256")
        return f"{self._root}/{digest[:2]}/{digest[2:4]}/{digest}"


def _sync(folder: Path) -> None:
    """Put the rename itself on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
