"""Reads and writes files in a folder of this machine or at an fsspec URL (``s3://...``)."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from allclient.contract import MAX_IMAGE_BYTES, ImageErrorCode
from allclient.errors import ConfigurationError, ImageReadError, OutputError
from allclient.result import Remote

_HIDDEN: Final = "."
"""Begins names that readers of Parquet folders leave out."""


def is_url(path: str) -> bool:
    """Return whether a path is an fsspec URL."""
    return "://" in path


def filesystem(path: str) -> tuple[Any, str]:
    """Return the file system of a path or URL, and the path in it.

    Raises:
        ConfigurationError: its protocol is not known, or its package is not installed.
    """
    try:
        fs, inner = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"{path!r} cannot be reached: {error}") from error
    return fs, str(inner)


def remote(url: str) -> Remote:
    """Return a URL as an image whose bytes are fetched when they are needed."""
    return Remote(url, lambda: _fetched(url))


def _fetched(url: str) -> bytes:
    fs, path = filesystem(url)
    try:
        # The range bounds memory, whatever somebody has named like an image.
        data: bytes = fs.cat_file(path, start=0, end=MAX_IMAGE_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageReadError("no such file", code=ImageErrorCode.FILE_NOT_FOUND.value) from error
    except Exception as error:  # each file system has its own
        if _is_empty(fs, path):  # of which S3 gives no range
            return b""
        raise ImageReadError(
            f"cannot be fetched: {error or type(error).__name__}",
            code=ImageErrorCode.FILE_UNREADABLE.value,
        ) from error
    return data


def _is_empty(fs: Any, path: str) -> bool:
    try:
        return bool(fs.size(path) == 0)
    except Exception:  # the first error is the one to tell
        return False


class Place:
    """A folder that a run writes into.

    Raises:
        ConfigurationError: there is no such kind of place.
        OutputError: it cannot be read or written, at any call.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._path = filesystem(url)
        self._local = isinstance(self._fs, LocalFileSystem)

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in a folder, without hidden ones."""
        with self._telling(folder):
            if not self._fs.isdir(self._at(folder)):
                return set()
            listed = self._fs.ls(self._at(folder), detail=False)
        names = {str(path).rstrip("/").rpartition("/")[2] for path in listed}
        return {name for name in names if not name.startswith(_HIDDEN)}

    def exists(self, name: str) -> bool:
        """Return whether a file is there."""
        with self._telling(name):
            return bool(self._fs.isfile(self._at(name)))

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to read."""
        with self._telling(name), self._fs.open(self._at(name), "rb") as file:
            yield file

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with self._telling(name):
            data: bytes = self._fs.cat_file(self._at(name))
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, and replace what is there."""
        with self._telling(name):
            if not self._local:
                self._fs.pipe_file(self._at(name), data)  # an object store shows no half object
                return
        with self.writing(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write. Only on this machine it is there whole or not at all."""
        with self._telling(name):
            if not self._local:
                with self._fs.open(self._at(name), "wb") as file:
                    yield file
                return
            path = Path(self._at(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{_HIDDEN}{path.name}.{uuid.uuid4().hex}")
            try:
                with partial.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Delete a file or folder; nothing happens where there is none."""
        with self._telling(name):
            if self._fs.exists(self._at(name)):
                self._fs.rm(self._at(name), recursive=True)

    def at(self, name: str) -> str:
        """Return the URL or path of something in it, for people."""
        return f"{self.url.rstrip('/')}/{name}"

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"

    @contextlib.contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        self._fs.invalidate_cache()  # other machines write here too
        try:
            yield
        except (OutputError, ConfigurationError):
            raise
        except Exception as error:  # each file system has its own
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            raise OutputError(f"{self.at(name)} cannot be used: {reason}") from error
