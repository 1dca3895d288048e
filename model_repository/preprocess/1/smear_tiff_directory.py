"""The directories of a TIFF, walked with bounds: how many there are, and what one of them says."""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from smear_error import corrupt, truncated

MAX_PAGES: Final = 10_000
"""Directories are counted up to here."""

MAX_ENTRIES: Final = 4_096
"""Entries of the directory that is read."""

MAX_VALUES: Final = 1_000_000
"""Values of one entry; strips are bounded further."""

_KINDS: Final = {
    1: "B",
    2: "c",
    3: "H",
    4: "I",
    5: "II",
    6: "b",
    7: "c",
    8: "h",
    9: "i",
    10: "ii",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}


class Format(NamedTuple):
    """Byte order, and whether offsets have 8 bytes (BigTIFF)."""

    order: str
    big: bool

    @classmethod
    def of(cls, data: bytes) -> Format:
        return cls("<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+"))

    @property
    def word(self) -> str:
        return "Q" if self.big else "I"

    def unpack(self, layout: str, data: bytes, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(self.order + layout, data, at)


class Directory:
    """The entries of one directory; values are read when they are asked for."""

    def __init__(self, data: bytes, at: int) -> None:
        """Raises ImageError where the directory, or a value of it, does not lie in the file."""
        self.data = data
        self.format = form = Format.of(data)
        self._entries: dict[int, tuple[int, int, int]] = {}
        inline = 8 if form.big else 4
        try:
            (count,) = form.unpack("Q" if form.big else "H", data, at)
            if count > MAX_ENTRIES:
                raise corrupt("TIFF", f"a directory claims {count:,} entries")
            at += 8 if form.big else 2
            for _ in range(count):
                tag, kind, length, value = form.unpack("HH" + form.word * 2, data, at)
                size = length * struct.calcsize("<" + _KINDS.get(kind, "B"))
                place = at + 4 + inline if size <= inline else value
                self._entries.setdefault(tag, (kind, length, place))
                at += 4 + 2 * inline
        except struct.error:
            raise truncated("TIFF", "inside its first directory") from None

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def count(self, tag: int) -> int:
        """How many values a tag has; 0 where it is not there."""
        return self._entries[tag][1] if tag in self._entries else 0

    def raw(self, tag: int, limit: int = MAX_VALUES * 16) -> bytes:
        """The bytes of a tag's value; empty where it is not there."""
        if tag not in self._entries:
            return b""
        kind, count, at = self._entries[tag]
        size = count * struct.calcsize("<" + _KINDS.get(kind, "B"))
        if size > limit:
            raise corrupt("TIFF", f"it claims {count:,} values where no TIFF has so many")
        if at + size > len(self.data):
            raise truncated("TIFF", "inside its first directory")
        return self.data[at : at + size]

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[Any, ...]:
        """The numbers of a tag: ints, floats, or quotients."""
        if tag not in self._entries:
            return default
        kind, count, _ = self._entries[tag]
        letter = _KINDS.get(kind, "c")
        if count > MAX_VALUES:
            raise corrupt("TIFF", f"it claims {count:,} values where no TIFF has so many")
        if letter == "c" or not count:
            raise corrupt("TIFF", "a number is needed where it has something else")
        values = self.format.unpack(letter[0] * (count * len(letter)), self.raw(tag), 0)
        if len(letter) == 1:
            return values
        pairs = zip(values[::2], values[1::2], strict=True)
        return tuple(above / below if below else 0.0 for above, below in pairs)

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag, as an int."""
        return int(self.numbers(tag, (default,))[0])

    def text(self, tag: int, limit: int = 1_000_000) -> str:
        """A text, up to ``limit`` bytes of it."""
        if tag not in self._entries:
            return ""
        _, count, at = self._entries[tag]
        return self.data[at : at + min(count, limit)].split(b"\0")[0].decode("utf-8", "replace")


class Chain(NamedTuple):
    """Where the directories lie."""

    first: int
    pages: list[int]
    """Of full pictures, in their order; without reduced copies (thumbnails, levels of a pyramid)
    and masks."""
    copies: int
    """How many of those there are."""


def chain(data: bytes) -> Chain:
    """Follow the chain of directories.

    A chain that runs into itself or out of the file ends there; a first directory that points out
    of the file means that the file was cut.
    """
    form = Format.of(data)
    if form.big and len(data) >= 8 and form.unpack("HH", data, 4) != (8, 0):
        raise corrupt("TIFF", "its header is not that of a BigTIFF")
    inline = 8 if form.big else 4
    seen: dict[int, bool] = {}
    try:
        (at,) = form.unpack(form.word, data, 8 if form.big else 4)
        while at and at not in seen and len(seen) < MAX_PAGES:
            (count,) = form.unpack("Q" if form.big else "H", data, at)
            table = at + (8 if form.big else 2)
            (following,) = form.unpack(form.word, data, table + count * (4 + 2 * inline))
            seen[at] = _is_copy(form, data, table, count)
            at = following
    except (struct.error, OverflowError):
        pass
    if not seen:
        raise truncated("TIFF", "before its first directory")
    pages = [place for place, is_copy in seen.items() if not is_copy]
    return Chain(next(iter(seen)), pages, len(seen) - len(pages))


def _is_copy(form: Format, data: bytes, table: int, count: int) -> bool:
    """By NewSubfileType or SubfileType, which are the first tags where they stand."""
    size = 20 if form.big else 12
    for place in range(table, table + size * min(count, 2), size):
        (tag, kind) = form.unpack("HH", data, place)
        (value,) = form.unpack("H" if kind == 3 else "I", data, place + (12 if form.big else 8))
        if tag == 254 and value & 0b101:
            return True
        if tag == 255 and value == 2:
            return True
    return False
