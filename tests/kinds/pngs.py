"""PNGs of every colour type and depth, plain and interlaced, with and without transparency."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tests.kinds.kind import GREY, RGB, Kind, as_seen, scaled

_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
_PASSES.append((0, 1, 1, 2))
_ALPHA = np.linspace(0, 255, GREY.size).reshape(GREY.shape).round().astype("u1")


class Samples(NamedTuple):
    values: np.ndarray
    """[h, w, s]"""
    depth: int
    kind: int
    expected: np.ndarray
    chunks: bytes = b""


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(samples: Samples, interlaced: bool) -> bytes:
    height, width = samples.values.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, samples.depth, samples.kind, 0, 0, interlaced)
    rows = b""
    for left, top, right, down in _PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples.values[top::down, left::right]
        if part.size:
            rows += b"".join(_row(row, samples.depth) for row in part)
    body = chunk(b"IHDR", head) + samples.chunks + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def _row(row: np.ndarray, depth: int) -> bytes:
    """Unfiltered."""
    digits = row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1) & 1
    return b"\0" + np.packbits(digits.ravel().astype("u1")).tobytes()


def _grey(depth: int, keyed: bool) -> Samples:
    top = 2**depth - 1
    values = scaled(GREY, top)
    expected = np.repeat(as_seen(values, top)[..., None], 3, axis=2)
    if not keyed:
        return Samples(values[..., None], depth, 0, expected)
    key = int(values[12, 13])
    expected = np.where((values == key)[..., None], 255, expected).astype("u1")
    return Samples(values[..., None], depth, 0, expected, chunk(b"tRNS", struct.pack(">H", key)))


def _rgb(depth: int, keyed: bool) -> Samples:
    values = scaled(RGB, 2**depth - 1)
    if not keyed:
        return Samples(values, depth, 2, RGB)
    if depth == 16:
        values[5, 5, 2] ^= 1  # one that differs from the key in its last bit alone
    key = values[12, 13]
    expected = np.where((values == key).all(axis=2)[..., None], 255, RGB).astype("u1")
    return Samples(values, depth, 2, expected, chunk(b"tRNS", struct.pack(">HHH", *key)))


def _palette(depth: int, keyed: bool) -> Samples:
    table = np.random.default_rng(3).integers(0, 256, (2**depth, 3))
    index = scaled(GREY, 2**depth - 1)
    chunks = chunk(b"PLTE", table.astype("u1").tobytes())
    expected = table[index]
    if keyed:
        alpha = np.full(2**depth, 255)
        alpha[: 2 ** (depth - 1)] = 128
        alpha[int(index[12, 13])] = 0
        chunks += chunk(b"tRNS", alpha.astype("u1").tobytes())
        share = alpha[index][..., None] / 255
        expected = np.rint(expected * share + 255 * (1 - share))
    return Samples(index[..., None], depth, 3, expected.astype("u1"), chunks)


def _alpha(colours: np.ndarray, depth: int, kind: int) -> Samples:
    values = scaled(np.concatenate([colours, _ALPHA[..., None]], axis=2), 2**depth - 1)
    share = _ALPHA[..., None] / 255
    expected = np.rint(colours * share + 255 * (1 - share)).astype("u1")
    return Samples(values, depth, kind, np.broadcast_to(expected, RGB.shape))


def kinds() -> Iterator[Kind]:
    rows: dict[str, Samples] = {}
    for keyed in (False, True):
        seen = " with a transparent level" if keyed else ""
        rows |= {f"grey, {depth} bits{seen}": _grey(depth, keyed) for depth in (1, 2, 4, 8, 16)}
        seen = " with a transparent colour" if keyed else ""
        rows |= {f"RGB, {depth} bits{seen}": _rgb(depth, keyed) for depth in (8, 16)}
        seen = " with transparency" if keyed else ""
        rows |= {f"palette, {depth} bits{seen}": _palette(depth, keyed) for depth in (1, 2, 4, 8)}
    for depth in (8, 16):
        rows[f"grey with transparency, {depth} bits"] = _alpha(GREY[..., None], depth, 4)
        rows[f"RGB with transparency, {depth} bits"] = _alpha(RGB, depth, 6)
    for (row, samples), interlaced in itertools.product(rows.items(), (False, True)):
        column = "interlaced" if interlaced else "plain"
        tolerance = 1 if "transparen" in row else 0
        yield Kind(row, column, "", png(samples, interlaced), samples.expected, tolerance)
