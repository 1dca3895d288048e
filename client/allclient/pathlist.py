"""Reads lists of paths from a stream, as they come, and as Windows programs write them."""

from __future__ import annotations

import codecs
import os
import select
from collections.abc import Iterator
from typing import BinaryIO, Final

from allclient.errors import ConfigurationError
from allclient.textfile import UTF_8_MARK, utf_16_of

_MAX_PATH_BYTES: Final = 1024 * 1024
"""Bytes of one path: no system has longer ones, but a picture that is read as a list may."""


def read_list(stream: BinaryIO, *, null: bool = False) -> Iterator[str]:
    """Yield paths from a stream as they come: a line each, or ended by a zero byte with ``null``.

    Lines may end as on Windows, begin with a mark of order (BOM), be in UTF-16, and have their
    paths in double quotes.

    Raises:
        ConfigurationError: the list cannot be read, or needs ``null``.
    """
    end = b"\0" if null else b"\n"
    chunks = _chunks(stream)
    start = b""
    while end not in start and (chunk := next(chunks, b"")):
        start = _checked(start + chunk)
    codec = None if null else utf_16_of(start)
    if codec is not None:
        yield from map(_unquoted, _utf_16_lines(start, chunks, codec))
        return
    if start.startswith(UTF_8_MARK) and not _exists(start.split(end, 1)[0]):
        start = start.removeprefix(UTF_8_MARK)
    for entry in _entries(start, chunks, end):
        if null:
            yield os.fsdecode(entry)
        elif b"\0" in entry:
            raise ConfigurationError(
                "the list on standard input has zero bytes: with --null they end its paths, as "
                "those of find -print0"
            )
        elif path := entry.removesuffix(b"\r"):
            yield _unquoted(os.fsdecode(path))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    # The raw file below gives what a pipe holds now; the buffer above it would wait for more.
    raw = getattr(stream, "raw", stream)
    try:
        while (chunk := raw.read(65536)) != b"":
            if chunk is None:  # whoever made the pipe does not want to be waited for
                select.select([raw], [], [])
            else:
                yield chunk
    except OSError as error:
        raise ConfigurationError(
            f"the list on standard input cannot be read: {error.strerror or error}"
        ) from error


def _entries(start: bytes, chunks: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    *entries, rest = start.split(end)
    yield from filter(None, entries)
    for chunk in chunks:
        *entries, rest = (rest + chunk).split(end)
        yield from filter(None, entries)
        _checked(rest)
    if rest:
        yield rest


def _checked(rest: bytes) -> bytes:
    if len(rest) > _MAX_PATH_BYTES:
        raise ConfigurationError(
            "what is on standard input is no list of paths: "
            f"{_MAX_PATH_BYTES:,} bytes without an end"
        )
    return rest


def _utf_16_lines(start: bytes, chunks: Iterator[bytes], codec: str) -> Iterator[str]:
    # A torn or wrong character makes a path that is not found, and is told as that.
    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
    *lines, rest = decoder.decode(start).removeprefix("\ufeff").split("\n")
    while True:
        yield from filter(None, (line.removesuffix("\r") for line in lines))
        if (chunk := next(chunks, None)) is None:
            break
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
    if rest := (rest + decoder.decode(b"", final=True)).removesuffix("\r"):
        yield rest


def _unquoted(path: str) -> str:
    """Take the quotes off that "Copy as path" of Windows adds, unless a file is named so."""
    bare = path[1:-1]
    if bare and path[0] == path[-1] == '"' and not _exists(os.fsencode(path)):
        return bare
    return path


def _exists(path: bytes) -> bool:
    return os.path.lexists(path.removesuffix(b"\r"))
