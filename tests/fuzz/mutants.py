"""Mutated files: seeds of every kind, and what disks, networks and attackers do to them."""

from __future__ import annotations

import functools
import io
import itertools
import random
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

from samples import render
from tests.kinds import bmps, lossy, pngs, tiffs


class Mutant(NamedTuple):
    number: int
    seed: str
    """What it was made from."""
    done: tuple[str, ...]
    """The mutations, in their order."""
    data: bytes


@functools.cache
def seeds() -> list[tuple[str, bytes]]:
    """Names and bytes; the formats weigh alike, whatever the number of their kinds."""
    groups = [
        [kind for kind in tiffs.kinds() if not kind.variant.startswith("big-endian BigTIFF")],
        list(pngs.kinds()),
        list(bmps.kinds()),
        list(lossy.jpegs()),
        list(lossy.webps()),
    ]
    size = 200
    found = [
        (f"{name} {kind.name}", kind.data)
        for name, group in zip(("TIFF", "PNG", "BMP", "JPEG", "WebP"), groups, strict=True)
        for kind in itertools.islice(itertools.cycle(_spread(group, size)), size)
    ]
    (smear,) = (one.image for one in render.images(count=1, seed=3, height=700))
    for format in ("JPEG", "PNG", "BMP", "TIFF", "WEBP"):
        file = io.BytesIO()
        smear.save(file, format)
        found += [(f"{format} of a large field", file.getvalue())] * 25
    return found


def _spread(group: list, size: int) -> list:
    return group[:: max(1, len(group) // size)][:size]


def mutant(number: int) -> Mutant:
    """The mutated file of this number, the same at every call."""
    rng = random.Random(number)
    name, data = rng.choice(seeds())
    out = bytearray(data)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if len(out) < 16:
            break
        step = rng.choice(STEPS)
        step(out, rng)
        done.append(step.__name__.removeprefix("_"))
    if out[:4] == b"\x89PNG" and rng.random() < 0.7:
        _mend_checksums(out)
        done.append("mend_checksums")
    return Mutant(number, name, tuple(done), bytes(out))


def _flip_bits(out: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 20))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _cut(out: bytearray, rng: random.Random) -> None:
    del out[rng.randrange(len(out)) :]


def _cut_and_pad(out: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(out))
    out[at:] = rng.choice((b"\0", b"\xff")) * (len(out) - at)


def _overwrite(out: bytearray, rng: random.Random) -> None:
    size = min(rng.choice((16, 64, 512, 4096)), len(out))
    at = rng.randrange(len(out) - size + 1)
    out[at : at + size] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))


def _splice(out: bytearray, rng: random.Random) -> None:
    _, other = rng.choice(seeds())
    out[rng.randrange(len(out)) :] = other[rng.randrange(len(other)) :]


def _insert(out: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(out))
    out[at:at] = rng.randbytes(rng.randrange(1, 64))


def _repeat(out: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(out))
    out[at:at] = out[at : at + rng.randrange(1, 4096)] * rng.choice((1, 1, 50))


def _delete(out: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(out))
    del out[at : at + rng.randrange(1, 256)]


_EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000, 1000)


def _change_number(out: bytearray, rng: random.Random) -> None:
    """A length, size or offset, most often in the header."""
    order, letter = rng.choice("<>"), rng.choice("HI")
    size = struct.calcsize(letter)
    top = min(len(out), rng.choice((64, 512, len(out))))
    at = rng.randrange(max(1, top - size))
    (old,) = struct.unpack_from(order + letter, out, at) if at + size <= len(out) else (0,)
    value = rng.choice((*_EXTREMES, old + 1, old - 1, old * 2)) % (1 << 8 * size)
    out[at : at + size] = struct.pack(order + letter, value)


def _edit_header(out: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randrange(1, 6)):
        out[rng.randrange(min(len(out), 200))] = rng.randrange(256)


def _edit_tag(out: bytearray, rng: random.Random) -> None:
    """One entry of a TIFF's directory; anything else gets a number changed."""
    if out[:2] not in (b"II", b"MM"):
        return _change_number(out, rng)
    order = "<" if out[:2] == b"II" else ">"
    big = out[2:4] in (b"+\0", b"\0+")
    word, room = ("Q", 8) if big else ("I", 4)
    try:
        (at,) = struct.unpack_from(order + word, out, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), out, at)
    except (struct.error, OverflowError):
        return None
    place = at + (8 if big else 2) + rng.randrange(max(1, min(count, 40))) * (4 + 2 * room)
    if place + 4 + 2 * room > len(out):
        return None
    field = rng.randrange(4)
    if field == 0:
        struct.pack_into(order + "H", out, place, rng.choice((254, 256, 258, 259, 273, 330, 65000)))
    elif field == 1:
        struct.pack_into(order + "H", out, place + 2, rng.randrange(20))
    elif field == 2:
        value = rng.choice((*_EXTREMES, 1 << 20, 3)) % (1 << 8 * room)
        struct.pack_into(order + word, out, place + 4, value)
    else:
        value = rng.choice((*_EXTREMES, len(out), 5, 8, 32773, 34712, 50002)) % (1 << 8 * room)
        letter = rng.choice(("H", word))
        value %= 1 << 8 * struct.calcsize(order + letter)
        struct.pack_into(order + letter, out, place + 4 + room, value)
    return None


def _mend_checksums(out: bytearray) -> None:
    """Make the checksums of a PNG's chunks fit, so that its decoder sees the damage."""
    at = 8
    while at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        end = at + 8 + length
        if end + 4 > len(out):
            return
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4


STEPS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bits,
    _cut,
    _cut_and_pad,
    _overwrite,
    _overwrite,
    _splice,
    _insert,
    _repeat,
    _delete,
    _change_number,
    _change_number,
    _edit_header,
    _edit_tag,
    _edit_tag,
)
