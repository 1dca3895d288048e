"""Whole files of kinds that are not read: refused as such, with what they are, in words."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pixels
import pytest
import smear_error

from tests.kinds.kind import GREY, RGB
from tests.kinds.tiff_writer import Tags, tiff


def one(data: bytes, bits: list[int], photometric: int, **more: tuple[int, list[int]]) -> bytes:
    """A TIFF of one strip, with as many samples a pixel as there are ``bits``."""
    height, width = GREY.shape
    tags: Tags = {256: (4, [width]), 257: (4, [height]), 258: (3, bits), 259: (3, [1])}
    tags |= {262: (3, [photometric]), 277: (3, [len(bits)]), 278: (4, [height])}
    return tiff([(tags | {int(name[1:]): value for name, value in more.items()}, [data])])


def packed(code: int, data: bytes) -> bytes:
    return one(data, [8] * 3, 2, t259=(3, [code]))


def twelve_bits(samples: np.ndarray) -> bytes:
    digits = samples.reshape(samples.shape[0], -1, 1).astype(int) * 16 >> np.arange(11, -1, -1) & 1
    return np.packbits(digits.reshape(samples.shape[0], -1).astype("u1"), axis=1).tobytes()


def jpeg_of_12_bits() -> bytes:
    frame = struct.pack(">HBHHB", 11, 12, *GREY.shape, 1) + bytes([1, 0x11, 0])
    table = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1] * 64)
    return b"\xff\xd8" + table + b"\xff\xc1" + frame + b"\xff\xd9"


FLOAT = 3
FILES = {
    "JPEG 2000": packed(34712, bytes(5000)),
    "JPEG XL": packed(50002, bytes(5000)),
    "WebP": packed(50001, b"RIFF" + bytes(5000)),
    "PIXTIFF deflate": packed(50013, zlib.compress(RGB.tobytes())),
    "floating-point colours": one(
        (RGB / 255).astype("<f4").tobytes(), [32] * 3, 2, t339=(3, [FLOAT] * 3)
    ),
    "64-bit floating-point": one((GREY / 255).astype("<f8").tobytes(), [64], 1, t339=(3, [FLOAT])),
    "24-bit floating-point": one(bytes(GREY.size * 3), [24], 1, t339=(3, [FLOAT])),
    "3 samples": one(RGB.tobytes(), [8] * 3, 1),
    "2 samples": one(np.dstack([GREY] * 2).astype("<u2").tobytes(), [16] * 2, 1, t338=(3, [0])),
    "colours of 12 bits": one(twelve_bits(RGB), [12] * 3, 2),
    "this JPEG has 12 bits a sample": jpeg_of_12_bits(),
}


@pytest.mark.parametrize("words", FILES)
def test_it_is_refused_with_what_it_is_and_what_to_do(words: str) -> None:
    with pytest.raises(pixels.ImageError) as refused:
        pixels.decode(FILES[words])
    assert refused.value.code == smear_error.UNSUPPORTED
    assert words in str(refused.value)
    assert smear_error.SAVE in str(refused.value)
