"""BMPs: depths, masks, headers of Windows and OS/2, both directions, run lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from tests.kinds.kind import GREY, RGB, Kind, as_seen, scaled


def bmp(
    rows: np.ndarray,
    bits: int,
    *,
    head: int = 40,
    packing: int = 0,
    table: bytes = b"",
    masks: tuple[int, ...] = (),
    flipped: bool = False,
    body: bytes | None = None,
    width: int = RGB.shape[1],
) -> bytes:
    """rows: uint8 [h, bytes of a row], from the top; they are filled up to whole words."""
    height = len(rows)
    full = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    data = (full if flipped else full[::-1]).tobytes() if body is None else body
    if head == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        signed = -height if flipped else height
        info = struct.pack(
            "<IiiHHIIiiII", 40, width, signed, 1, bits, packing, len(data), 0, 0, 0, 0
        )
        inside = struct.pack(f"<{len(masks)}I", *masks)
        info = struct.pack("<I", head) + info[4:]
        info = (info + inside).ljust(head, b"\0") if head > 40 else info + inside
    start = 14 + len(info) + len(table)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + info + table + data


def _packed(index: np.ndarray, bits: int) -> np.ndarray:
    digits = index[..., None] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(digits.reshape(len(index), -1).astype("u1"), axis=1)


def _table(bits: int, room: int) -> tuple[np.ndarray, bytes]:
    colours = np.random.default_rng(3).integers(0, 256, (2**bits, 3))
    stored = np.zeros((2**bits, room), "u1")
    stored[:, :3] = colours[:, ::-1]
    return colours.astype("u1"), stored.tobytes()


def _short(layout: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """16-bit pixels with so many bits of red, green and blue, and the picture they make."""
    parts = [scaled(RGB[..., i], 2**bits - 1) for i, bits in enumerate(layout)]
    value = parts[0] << (layout[1] + layout[2]) | parts[1] << layout[2] | parts[2]
    seen = np.stack([as_seen(p, 2**b - 1) for p, b in zip(parts, layout, strict=True)], axis=-1)
    return value.astype("<u2").view("u1").reshape(len(RGB), -1), seen


def kinds() -> Iterator[Kind]:
    def of(row: str, data: bytes, expected: np.ndarray, tolerance: float = 0) -> Kind:
        return Kind(row, "", "", data, expected, tolerance)

    height, width = GREY.shape
    for bits in (1, 4, 8):
        index = scaled(GREY, 2**bits - 1)
        for head, room, system in ((40, 4, "Windows"), (12, 3, "OS/2"), (124, 4, "Windows 5")):
            colours, table = _table(bits, room)
            data = bmp(_packed(index, bits), bits, head=head, table=table)
            yield of(f"palette, {bits} bits, {system}", data, colours[index])
    blue_first = RGB[..., ::-1].reshape(height, -1)
    for head, system in ((40, "Windows"), (12, "OS/2"), (64, "OS/2 version 2"), (124, "Windows 5")):
        yield of(f"RGB, 24 bits, {system}", bmp(blue_first, 24, head=head), RGB)
    yield of("RGB, 24 bits, top row first", bmp(blue_first, 24, flipped=True), RGB)
    four = np.concatenate([RGB[..., ::-1], np.zeros((height, width, 1), "u1")], axis=2)
    yield of("RGB, 32 bits", bmp(four.reshape(height, -1), 32), RGB)
    masks = (0xFF0000, 0xFF00, 0xFF)
    yield of("RGB, 32 bits, masks", bmp(four.reshape(height, -1), 32, packing=3, masks=masks), RGB)
    rows, seen = _short((5, 5, 5))
    yield of("RGB, 16 bits", bmp(rows, 16), seen, 1)
    rows, seen = _short((5, 6, 5))
    masks = (0xF800, 0x07E0, 0x1F)
    yield of("RGB, 16 bits, masks", bmp(rows, 16, packing=3, masks=masks), seen, 1)
    rows, seen = _short((4, 4, 4))
    masks = (0xF00, 0xF0, 0xF)
    yield of("RGB, 12 bits in 16, masks", bmp(rows, 16, packing=3, masks=masks), seen, 1)
    odd = four.reshape(height, -1)
    masks = (0xFF, 0xFF00, 0xFF0000)
    yield of(
        "RGB, 32 bits, unusual masks",
        bmp(
            odd.reshape(height, width, 4)[..., [2, 1, 0, 3]].reshape(height, -1),
            32,
            packing=3,
            masks=masks,
        ),
        RGB,
    )
    for bits, packing in ((8, 1), (4, 2)):
        colours, table = _table(bits, 4)
        index = scaled(GREY, 2**bits - 1)
        body = b"".join(_runs(row, bits) for row in index[::-1]) + b"\0\1"
        data = bmp(_packed(index, bits), bits, packing=packing, table=table, body=body)
        yield of(f"palette, {bits} bits, run lengths", data, colours[index])


def _runs(row: np.ndarray, bits: int) -> bytes:
    """Literal runs of five pixels, an odd number, and an end of line."""
    out = b""
    for at in range(0, len(row), 5):
        part = [int(value) for value in row[at : at + 5]]
        if len(part) < 3:
            out += b"".join(bytes([1, value << 4 if bits == 4 else value]) for value in part)
            continue
        if bits == 4:
            padded = [*part, 0]
            part = [padded[i] << 4 | padded[i + 1] for i in range(0, len(part), 2)]
            count = min(5, len(row) - at)
        else:
            count = len(part)
        literal = bytes([0, count, *part])
        out += literal + bytes(len(literal) % 2)
    return out + b"\0\0"
