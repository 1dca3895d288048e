"""Reads encoded files into memory, unchanged: the client reads, it never resizes."""

from __future__ import annotations

import dataclasses
import errno
import glob
import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Final

from allclient import dicom
from allclient.contract import MAX_IMAGE_BYTES, ImageErrorCode, ReviewReason
from allclient.dicom import EncodedField, regions
from allclient.errors import ConfigurationError, ImageReadError
from allclient.result import Remote, Result, Source

_OPEN: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE: Final = _OPEN | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""Never waits for the writer of a pipe, and takes no terminal."""

_NO_DESCRIPTOR: Final = {errno.EMFILE, errno.ENFILE}
_PATIENCE: Final = 10.0
"""Seconds to wait for a descriptor: other readers of this process give theirs back soon."""

_MIN_ROOM: Final = 64 * 1024
_MAX_ROOM: Final = 16 * 1024 * 1024

_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_image(source: Source, *, pipes: bool = True) -> bytes:
    """Return the bytes of ``read_field``."""
    return read_field(source, pipes=pipes).data


def told(field: EncodedField, result: Result) -> Result:
    """Return ``result``, with the reason first_page_only if a DICOM object has more frames."""
    if field.frames == 1 or ReviewReason.FIRST_PAGE_ONLY in result.review:
        return result
    return dataclasses.replace(result, review=(*result.review, ReviewReason.FIRST_PAGE_ONLY))


def read_field(source: Source, *, pipes: bool = True) -> EncodedField:
    """Read one encoded image; of a pipe only with ``pipes``, since its end may never come.

    Of a DICOM object it is the first picture inside. A name such as
    ``slide.dcm#xywh=0,0,256,256`` is a field of a whole slide.

    Raises ImageReadError with the code file_not_found, file_unreadable, image_empty or
    image_too_large (above contract.MAX_IMAGE_BYTES, or more than there is memory for), and what
    ``dicom.encoded_field`` raises; ConfigurationError when this process may open no file.
    """
    if (field := _slide_field(source)) is not None:
        return field
    try:
        data = _data(source, pipes)
    except MemoryError as error:
        raise ImageReadError(
            "there is not enough memory to read it", code=ImageErrorCode.TOO_LARGE.value
        ) from error
    if not data:
        raise ImageReadError("the file is empty (0 bytes)", code=ImageErrorCode.EMPTY.value)
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_large(len(data))
    if dicom.is_dicom(data):
        return dicom.encoded_field(data)
    return EncodedField(data, 1, source.um_per_pixel if isinstance(source, Remote) else None)


def _slide_field(source: Source) -> EncodedField | None:
    if not isinstance(source, str) or isinstance(source, Remote):
        return None
    place = regions.parse(source)
    if place is None or os.path.lexists(source):
        return None
    return dicom.slide_field(*place)


def _data(source: Source, pipes: bool) -> bytes:
    if isinstance(source, Remote):
        return source.fetch()
    return bytes(source) if isinstance(source, bytes) else _read_file(path_of(source), pipes)


def iterate(sources: Iterable[Source]) -> Iterator[Source]:
    """Return an iterator, as ``iter()`` does.

    Raises:
        ConfigurationError: it is one image, or no iterable.
    """
    if isinstance(sources, str | bytes | os.PathLike):
        raise ConfigurationError("sources is one image: give a list of images, or use classify()")
    try:
        return iter(sources)
    except TypeError as error:
        raise ConfigurationError(
            f"sources must be an iterable of paths or bytes, not {type(sources).__name__}"
        ) from error


def path_of(source: Source) -> str:
    """Return the path that a source names.

    Raises:
        ImageReadError: it names none.
    """
    try:
        return os.fsdecode(os.fspath(source))
    except Exception as error:  # a caller's own __fspath__ may raise anything
        kind = type(source).__name__
        reason = "" if isinstance(error, TypeError) else f" ({error!r})"
        raise _unreadable(f"an image is a path or bytes, not {kind}{reason}") from error


def size_of(source: Source) -> int:
    """Return the bytes that reading ``source`` will take; 0 if nobody can tell before."""
    if isinstance(source, bytes):
        return len(source)
    if isinstance(source, Remote):
        return 0
    try:
        return os.stat(path_of(source)).st_size  # noqa: PTH116  as in _open
    except (OSError, ValueError, ImageReadError):
        return 0


def _read_file(path: str, pipes: bool) -> bytes:
    try:
        descriptor = _open(path, pipes)
        try:
            status = os.fstat(descriptor)
            if not (pipes and stat.S_ISFIFO(status.st_mode)):
                _check_regular(path, status.st_mode)
                if status.st_size > MAX_IMAGE_BYTES:
                    raise _too_large(status.st_size)
            return _read_up_to(descriptor, MAX_IMAGE_BYTES + 1, status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise ImageReadError(_not_found(path), code=ImageErrorCode.FILE_NOT_FOUND.value) from error
    except OSError as error:
        raise _unreadable(error.strerror or str(error)) from error
    except ValueError as error:  # a zero byte in the name
        raise _unreadable(str(error)) from error


def _open(path: str, pipes: bool) -> int:
    kind = os.stat(path).st_mode  # noqa: PTH116  Path("") would be the working folder
    if pipes and stat.S_ISFIFO(kind):
        return _opened(path, _OPEN)
    # Before it is opened: opening a device (a tape, a terminal) already does something.
    _check_regular(path, kind)
    try:
        return _opened(path, _AT_ONCE)  # meanwhile a pipe may have come under this name
    except BlockingIOError:
        return _opened(path, _OPEN)  # a file server has to give up its lease first


def _opened(path: str, flags: int) -> int:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return os.open(path, flags)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                raise
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"{path!r} cannot be opened: {error.strerror}; raise the limit (ulimit -n), "
                    "or have fewer images in flight"
                ) from error
        time.sleep(0.02)


def _check_regular(path: str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise _unreadable(_why_no_listing(path))
    kind = next((name for test, name in _KINDS if test(mode)), "something else")
    raise _unreadable(f"is {kind}, not a regular file")


def _read_up_to(descriptor: int, limit: int, expected: int) -> bytes:
    """Return all there is, or more than ``limit - 1``; ``expected`` says how much to expect."""
    chunks: list[bytes] = []
    room = min(max(expected + 1, _MIN_ROOM), _MAX_ROOM)
    while limit > 0 and (chunk := os.read(descriptor, min(limit, room))):
        chunks.append(chunk)
        limit -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _not_found(path: str) -> str:
    if not path:
        return "the name is empty: is a variable not set?"
    if "://" in path:
        return "no such file; a URL is read with --engine ray"
    what = "no file matches the pattern" if glob.has_magic(path) else "no such file"
    if "\\" in path and os.sep == "/":
        return f"{what}; on this system folders are parted by /, not by a backslash"
    if any("\udc80" <= char <= "\udcff" for char in path):  # bytes that Python could not decode
        return f"{what}; the name is not UTF-8: was the list saved in another encoding?"
    return what


def _why_no_listing(path: str) -> str:
    """Return why a folder cannot be read, as a user or a failed search names one."""
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
