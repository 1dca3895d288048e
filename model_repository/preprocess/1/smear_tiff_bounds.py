"""Checks a TIFF's directories cheaply, before tifffile is asked to read them.

tifffile leaves out tags that make no sense, and takes the time and memory that a file asks for.
"""

from __future__ import annotations

import struct
from contextlib import suppress
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
"""Bytes of one entry."""

_SIZES: Final = {kind: struct.calcsize(code) for kind, code in TIFF.DATA_FORMATS.items()}
_INTEGERS: Final = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})
_SINGLE: Final = frozenset({256, 257, 259, 262, 266, 274, 277, 284, 317, 322, 323, 32997, 32998})
_NUMBERS: Final = _SINGLE | {254, 255, 258, 273, 278, 279, 320, 324, 325, 330, 332, 338, 339, 530}
"""Tags of integers that say what the picture is."""
_NEEDED: Final = _NUMBERS | {281, 341, 347, 529, 532, 34675}
_READ: Final = _NEEDED | TIFF.TAG_LOAD | {700, 33629, 65426, 65432}
"""Tags whose values tifffile or this program may read."""

_MAX_VALUES_OF: Final = {347: 1_000_000, 33628: 256, 33629: 10_000, 50839: 1 << 32}
"""Values of tags for which there is another limit; ImageJ keeps drawings of any size."""

_COUNTS: Final = 50838
"""Lengths of ImageJ's texts: negative ones would be read for ever."""

_FORMATS: Final = {
    b"II*\0": TIFF.CLASSIC_LE,
    b"MM\0*": TIFF.CLASSIC_BE,
    b"II+\0": TIFF.BIG_LE,
    b"MM\0+": TIFF.BIG_BE,
}


class _Table(NamedTuple):
    """The entries of a directory, as they are stored."""

    length: int
    entries: list[tuple[int, int, int, bytes]]
    """The first of them: tag, type, number of values, and the values or where they lie."""
    following: int
    """Where the next directory lies."""


def _table(data: bytes, at: int, most: int) -> _Table:
    """Read the directory at a place in the file.

    Raises:
        struct.error: it does not lie in the file.
    """
    form = _FORMATS[data[:4]]
    (count,) = struct.unpack_from(form.tagnoformat, data, at)
    start = at + form.tagnosize
    (following,) = struct.unpack_from(form.offsetformat, data, start + count * form.tagsize)
    stored = data[start : start + min(count, most) * form.tagsize]
    entry = f"{form.byteorder}HH{form.offsetformat[-1]}{form.offsetsize}s"
    return _Table(count, list(struct.iter_unpack(entry, stored)), following)


class Chain(NamedTuple):
    """Where the directories of a file lie."""

    first: int
    pages: list[int]
    """Offsets of the full pictures, in their order; reduced copies (thumbnails, levels of a
    pyramid) and masks are left out."""
    copies: int
    """How many of those there are."""


def chain(data: bytes) -> Chain:
    """Follow the chain of directories.

    A chain that runs into itself or out of the file ends there; a first directory that points out
    of the file means that the file was cut.
    """
    form = _FORMATS[data[:4]]
    if form.is_bigtiff and data[4:8] != struct.pack(f"{form.byteorder}HH", 8, 0):
        raise corrupt("TIFF", "its header is not that of a BigTIFF")
    seen: dict[int, bool] = {}
    with suppress(struct.error, OverflowError):
        (at,) = struct.unpack_from(form.offsetformat, data, form.offsetsize)
        while at and at not in seen and len(seen) < MAX_PAGES:
            table = _table(data, at, 2)
            seen[at] = any(_is_copy(*entry, form.byteorder) for entry in table.entries)
            at = table.following
    if not seen:
        raise truncated("TIFF", "before its first directory")
    pages = [place for place, is_copy in seen.items() if not is_copy]
    return Chain(next(iter(seen)), pages, len(seen) - len(pages))


def _is_copy(tag: int, kind: int, _: int, stored: bytes, order: str) -> bool:
    """Tell reduced copies by NewSubfileType or SubfileType, which are the first tags."""
    value = int.from_bytes(stored[: 2 if kind == 3 else 4], "little" if order == "<" else "big")
    return bool(tag == 254 and value & 0b101) or (tag == 255 and value == 2)


def check(data: bytes, at: int) -> None:
    """Check every directory that counts, and its values.

    Raises:
        ImageError: one makes no sense, does not lie in the file, or is larger than it can be.
    """
    form = _FORMATS[data[:4]]
    try:
        table = _table(data, at, MAX_ENTRIES)
    except (struct.error, OverflowError):
        raise truncated("TIFF", "inside its first directory") from None
    if table.length > MAX_ENTRIES:
        raise corrupt("TIFF", f"a directory claims {table.length:,} entries")
    total = 0
    for tag, kind, count, stored in table.entries:
        if tag not in _READ:
            continue
        if count > _MAX_VALUES_OF.get(tag, MAX_BYTES if kind in (1, 2, 7) else MAX_VALUES):
            raise corrupt("TIFF", f"it claims {count:,} values where no TIFF has so many")
        if (tag in _NUMBERS and (kind not in _INTEGERS or not count)) or (
            (tag in _SINGLE and count > 1) or (tag == _COUNTS and kind not in (3, 4))
        ):
            raise corrupt("TIFF", "a number is needed where it has something else")
        size = count * _SIZES.get(kind, 1)
        (place,) = struct.unpack(form.offsetformat, stored)
        inside = size <= form.offsetsize or 8 <= place <= len(data) - size
        if tag in _NEEDED and not (inside and kind in _SIZES):
            raise truncated("TIFF", "inside its first directory")
        total += size
    if total > 2 * max(MAX_BYTES, len(data)):
        raise corrupt("TIFF", "its directory claims more than any TIFF has")
