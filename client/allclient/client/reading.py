"""Encoded files into memory, unchanged: the client reads, it never resizes."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from allclient.contract import MAX_IMAGE_BYTES, ImageErrorCode
from allclient.errors import ImageReadError
from allclient.result import Source


def read_image(source: Source) -> bytes:
    """The bytes of one encoded image.

    Raises ImageReadError with the code file_not_found, file_unreadable, image_empty or
    image_too_large (above contract.MAX_IMAGE_BYTES).
    """
    data = bytes(source) if isinstance(source, bytes) else _read_file(os.fspath(source))
    if not data:
        raise ImageReadError("the file is empty (0 bytes)", code=ImageErrorCode.EMPTY.value)
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_large(len(data))
    return data


def size_of(source: Source) -> int:
    """Bytes that reading ``source`` will take; 0 where nobody can tell before."""
    if isinstance(source, bytes):
        return len(source)
    try:
        return Path(source).stat().st_size
    except (OSError, ValueError):
        return 0


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                if status.st_size > MAX_IMAGE_BYTES:
                    raise _too_large(status.st_size)
            elif not stat.S_ISFIFO(status.st_mode):
                # /dev/zero has no end; a pipe, as the shell's <(...) makes, has one.
                raise _unreadable("not a regular file")
            return _read_up_to(file.fileno(), MAX_IMAGE_BYTES + 1)
    except FileNotFoundError as error:
        what = "no file matches the pattern" if glob.has_magic(path) else "no such file"
        raise ImageReadError(what, code=ImageErrorCode.FILE_NOT_FOUND.value) from error
    except IsADirectoryError as error:
        raise _unreadable(_why_no_listing(path)) from error
    except OSError as error:
        raise _unreadable(error.strerror or str(error)) from error
    except ValueError as error:  # a zero byte in the name
        raise _unreadable(str(error)) from error


def _read_up_to(descriptor: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    while limit > 0 and (chunk := os.read(descriptor, min(limit, 16 * 1024 * 1024))):
        chunks.append(chunk)
        limit -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _why_no_listing(path: str) -> str:
    """A folder gets here when its search could not list it, or when a library user names one."""
    try:
        with os.scandir(path):
            return "is a folder, not an image file"
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror or error}"


def _unreadable(message: str) -> ImageReadError:
    return ImageReadError(message, code=ImageErrorCode.FILE_UNREADABLE.value)


def _too_large(size: int) -> ImageReadError:
    return ImageReadError(
        f"{size:,} bytes; the largest file sent is {MAX_IMAGE_BYTES:,} bytes",
        code=ImageErrorCode.TOO_LARGE.value,
    )
