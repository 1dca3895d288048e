"""Cheap checks of a TIFF's directories, made before tifffile is asked to read them.

tifffile leaves out tags that make no sense, and takes the time and memory that a file asks for.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from smear_error import corrupt, truncated
from tifffile import TIFF

MAX_PAGES: Final = 10_000
"""Directories are counted up to here."""

MAX_ENTRIES: Final = 4_096
"""Entries of a directory that is read."""

MAX_VALUES: Final = 1_000_000
"""Values of one entry; strips are bounded further."""

MAX_BYTES: Final = 16_000_000
"""Bytes of one entry, and of all that are read together."""

_SIZES: Final = {kind: struct.calcsize(code) for kind, code in TIFF.DATA_FORMATS.items()}
_INTEGERS: Final = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})
_SINGLE: Final = frozenset({256, 257, 259, 262, 266, 274, 277, 284, 317, 322, 323, 32997, 32998})
_NUMBERS: Final = _SINGLE | {254, 255, 258, 273, 278, 279, 320, 324, 325, 330, 332, 338, 339, 530}
"""Tags of integers that say what the picture is."""
_NEEDED: Final = _NUMBERS | {281, 341, 347, 529, 532, 34675}
_READ: Final = _NEEDED | TIFF.TAG_LOAD | {700, 33629, 65426, 65432}
"""Tags whose values tifffile or this program may read."""

_FEW: Final = {347: 1_000_000, 33628: 256, 33629: 10_000}
"""Values of tags for which less than MAX_VALUES is plenty."""

_COUNTS: Final = 50838
"""Lengths of ImageJ's texts: negative ones would be read for ever."""


class _Format(NamedTuple):
    """Byte order, and whether offsets have 8 bytes (BigTIFF)."""

    order: str
    big: bool

    @classmethod
    def of(cls, data: bytes) -> _Format:
        return cls("<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+"))

    @property
    def word(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def room(self) -> int:
        """Bytes of a value or of an offset inside an entry."""
        return 8 if self.big else 4

    def entries(self, data: bytes, at: int, most: int) -> list[tuple[int, int, int, int]]:
        """Tag, type, count, and value or offset of the first entries."""
        size = 4 + 2 * self.room
        start = at + (8 if self.big else 2)
        table = data[start : start + min(most, self.count(data, at)) * size]
        letters = self.word[1] * 2
        return list(struct.iter_unpack(f"{self.order}HH{letters}", table))

    def count(self, data: bytes, at: int) -> int:
        return int(struct.unpack_from(self.order + ("Q" if self.big else "H"), data, at)[0])

    def following(self, data: bytes, at: int) -> int:
        """Where the next directory lies."""
        end = at + (8 if self.big else 2) + self.count(data, at) * (4 + 2 * self.room)
        return int(struct.unpack_from(self.word, data, end)[0])


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
    form = _Format.of(data)
    if form.big and data[4:8] != struct.pack(f"{form.order}HH", 8, 0):
        raise corrupt("TIFF", "its header is not that of a BigTIFF")
    seen: dict[int, bool] = {}
    try:
        (at,) = struct.unpack_from(form.word, data, form.room)
        while at and at not in seen and len(seen) < MAX_PAGES:
            following = form.following(data, at)
            seen[at] = _is_copy(form, data, at)
            at = following
    except (struct.error, OverflowError):
        pass
    if not seen:
        raise truncated("TIFF", "before its first directory")
    pages = [place for place, is_copy in seen.items() if not is_copy]
    return Chain(next(iter(seen)), pages, len(seen) - len(pages))


def _is_copy(form: _Format, data: bytes, at: int) -> bool:
    """By NewSubfileType or SubfileType, which are the first tags where they stand."""
    for tag, kind, _, value in form.entries(data, at, 2):
        if kind == 3 and form.order == ">":
            value >>= 8 * (form.room - 2)
        if (tag == 254 and value & 0b101) or (tag == 255 and value & 0xFFFF == 2):
            return True
    return False


def check(data: bytes, at: int) -> None:
    """Raise ImageError where a directory, or a value of it that counts, makes no sense, does not
    lie in the file, or is larger than it can be."""
    form = _Format.of(data)
    try:
        count = form.count(data, at)
        if count > MAX_ENTRIES:
            raise corrupt("TIFF", f"a directory claims {count:,} entries")
        form.following(data, at)
        entries = form.entries(data, at, count)
    except (struct.error, OverflowError):
        raise truncated("TIFF", "inside its first directory") from None
    total = 0
    for tag, kind, count, value in entries:
        if tag not in _READ:
            continue
        if count > (MAX_BYTES if kind in (1, 2, 7) else _FEW.get(tag, MAX_VALUES)):
            raise corrupt("TIFF", f"it claims {count:,} values where no TIFF has so many")
        if (tag in _NUMBERS and (kind not in _INTEGERS or not count)) or (
            (tag in _SINGLE and count > 1) or (tag == _COUNTS and kind not in (3, 4))
        ):
            raise corrupt("TIFF", "a number is needed where it has something else")
        size = count * _SIZES.get(kind, 1)
        inside = size <= form.room or 8 <= value <= len(data) - size
        if tag in _NEEDED and not (inside and kind in _SIZES):
            raise truncated("TIFF", "inside its first directory")
        total += size
    if total > 2 * MAX_BYTES:
        raise corrupt("TIFF", "its directory claims more than any TIFF has")
