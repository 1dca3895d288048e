"""TIFFs of every kind: bits, samples, planes, compression, byte order, colours, predictor, strips
or tiles, classic or BigTIFF."""

from __future__ import annotations

import itertools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from tests.kinds.kind import GREY, RGB, THREE, Kind, as_seen, scaled
from tests.kinds.tiff_writer import Tags, tiff

STRIP, TILE = 13, (16, 32)
"""Rows of a strip, which do not divide the height; height and width of a tile."""


class Samples(NamedTuple):
    """What the samples of a picture are, before they are packed."""

    values: np.ndarray
    """[h, w, s], unsigned, signed or floating point."""
    bits: int
    photometric: int
    expected: np.ndarray
    tags: Tags | None = None
    tolerance: float = 0.0
    planar: bool = False


def _grey(bits: int) -> Samples:
    top = 2**bits - 1
    values = scaled(GREY, top)
    seen = np.repeat(as_seen(values, top)[..., None], 3, axis=2)
    return Samples(values[..., None].astype("u2" if bits > 8 else "u1"), bits, 1, seen)


def _inverted(bits: int) -> Samples:
    plain = _grey(bits)
    return plain._replace(values=(2**bits - 1) - plain.values, photometric=0)


def _wide(samples: Samples) -> Samples:
    """The same in 16 bits."""
    return samples._replace(values=samples.values.astype("u2") * 257, bits=16)


def _palette(bits: int) -> Samples:
    table = np.random.default_rng(3).integers(0, 256, (2**bits, 3))
    index = scaled(GREY, 2**bits - 1)
    colours = (3, (table.T * 257).ravel().tolist())
    expected = table[index].astype("u1")
    return Samples(index[..., None].astype("u1"), bits, 3, expected, {320: colours})


_ALPHA = np.linspace(0, 255, RGB.size // 3).reshape(RGB.shape[:2]).round().astype("u1")
_ON_WHITE = np.rint(RGB * (_ALPHA / 255)[..., None] + 255 - _ALPHA[..., None]).astype("u1")


def _with_alpha(colours: np.ndarray, meaning: int) -> np.ndarray:
    if meaning == 1:
        colours = np.rint(colours * (_ALPHA / 255)[..., None]).astype("u1")
    return np.concatenate([colours, _ALPHA[..., None]], axis=2)


def _rgba(meaning: int) -> Samples:
    extra: Tags = {338: (3, [meaning])}
    return Samples(_with_alpha(RGB, meaning), 8, 2, _ON_WHITE, extra, tolerance=1)


def _grey_alpha() -> Samples:
    expected = np.rint(THREE * (_ALPHA / 255)[..., None] + 255 - _ALPHA[..., None]).astype("u1")
    values = _with_alpha(GREY[..., None], 2)
    return Samples(values, 8, 1, expected, {338: (3, [2])}, tolerance=1)


def _lab() -> Samples:
    to_lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(
        Image.fromarray(RGB), ImageCms.createProfile("sRGB"), to_lab, outputMode="LAB"
    )
    assert image is not None
    values = np.frombuffer(image.tobytes("raw", "LAB"), "u1").reshape(RGB.shape)
    return Samples(values, 8, 8, RGB, tolerance=4)


def _ycbcr() -> Samples:
    values = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    return Samples(values, 8, 6, RGB, {530: (3, [1, 1])}, tolerance=1.5)


_RGB8 = Samples(RGB, 8, 2, RGB)
_CMYK8 = Samples(np.concatenate([255 - RGB, 0 * RGB[..., :1]], axis=2), 8, 5, RGB, tolerance=1)
_SIGNED = Samples((scaled(GREY, 32767)[..., None]).astype("i2"), 16, 1, THREE, {339: (3, [2])})
_FLOAT = Samples((GREY[..., None] / 255).astype("f4"), 32, 1, THREE, {339: (3, [3])})

SAMPLES: dict[str, Samples] = {
    **{f"grey, {bits} bits": _grey(bits) for bits in (1, 2, 4, 6, 8, 10, 12, 14, 16)},
    **{f"grey, white is 0, {bits} bits": _inverted(bits) for bits in (1, 4, 8, 12, 16)},
    "grey, signed 16 bits": _SIGNED,
    "grey, floating point 0 to 1": _FLOAT,
    "grey, 64-bit floating point": _FLOAT._replace(values=_FLOAT.values.astype("f8"), bits=64),
    "grey, 32 bits": Samples(scaled(GREY, 2**32 - 1)[..., None].astype("u4"), 32, 1, THREE),
    "grey, complex numbers": _FLOAT._replace(
        values=_FLOAT.values.astype("c8"), bits=64, tags={339: (3, [6])}
    ),
    "ICC L*a*b*, 8 bits": _lab()._replace(photometric=9),
    "ITU L*a*b*, 8 bits": _lab()._replace(photometric=10),
    "transparency mask, 1 bits": _grey(1)._replace(photometric=4),
    "grey with transparency": _grey_alpha(),
    "grey, 12 bits in 16 (a tag says so)": _grey(12)._replace(bits=16, tags={281: (3, [4095])}),
    "grey, 14 bits in 16 (a tag says so)": _grey(14)._replace(bits=16, tags={341: (3, [16383])}),
    **{f"palette, {bits} bits": _palette(bits) for bits in (1, 2, 4, 8)},
    "RGB, 8 bits": _RGB8,
    "RGB, 16 bits": _wide(_RGB8),
    "RGB, planes, 8 bits": _RGB8._replace(planar=True),
    "RGB, planes, 16 bits": _wide(_RGB8)._replace(planar=True),
    "RGB, 4 bits": Samples(scaled(RGB, 15).astype("u1"), 4, 2, as_seen(scaled(RGB, 15), 15)),
    "RGB, 12 bits": Samples(scaled(RGB, 4095).astype("u2"), 12, 2, RGB),
    "RGB, floating point": Samples((RGB / 255).astype("f4"), 32, 2, RGB, {339: (3, [3] * 3)}),
    "RGB with transparency": _rgba(2),
    "RGB times transparency": _rgba(1),
    "RGB with transparency, planes, 16 bits": _wide(_rgba(2))._replace(planar=True),
    "RGB with a sample of no meaning": _rgba(0)._replace(expected=RGB),
    "CMYK, 8 bits": _CMYK8,
    "CMYK, 16 bits": _wide(_CMYK8),
    "CMYK, planes, 16 bits": _wide(_CMYK8)._replace(planar=True),
    "YCbCr, whole": _ycbcr(),
    "L*a*b*, 8 bits": _lab(),
    "three grey samples": Samples(RGB, 8, 1, RGB),
    "two channels, 16 bits": _wide(Samples(RGB[..., :2], 8, 1, THREE)),
}


def _packbits(rows: np.ndarray, width: int) -> bytes:
    data = rows.tobytes()
    return b"".join(
        imagecodecs.packbits_encode(data[at : at + width]) for at in range(0, len(data), width)
    )


Packer = Callable[[bytes, int], bytes]
STREAMS: dict[str, tuple[int, Packer]] = {
    "none": (1, lambda data, _: data),
    "LZW": (5, lambda data, _: imagecodecs.lzw_encode(data)),
    "deflate": (8, lambda data, _: zlib.compress(data)),
    "Adobe deflate": (32946, lambda data, _: zlib.compress(data)),
    "PackBits": (32773, lambda data, row: _packbits(np.frombuffer(data, "u1"), row)),
    "LZMA": (34925, lambda data, _: lzma.compress(data)),
    "Zstandard": (50000, lambda data, _: imagecodecs.zstd_encode(data)),
    "PIXTIFF": (50013, lambda data, _: zlib.compress(data)),
}
Encoder = Callable[[np.ndarray], bytes]


def _jpeg(colour: str) -> Encoder:
    def encode(block: np.ndarray) -> bytes:
        if block.shape[2] < 3:
            return imagecodecs.jpeg8_encode(np.ascontiguousarray(block[..., 0]), level=98)
        return imagecodecs.jpeg8_encode(
            np.ascontiguousarray(block),
            level=98,
            colorspace="CMYK" if block.shape[2] == 4 else "RGB",
            outcolorspace="CMYK" if block.shape[2] == 4 else colour,
            subsampling="444",
        )

    return encode


def _flat(block: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(block[..., 0] if block.shape[2] == 1 else block)


PICTURES: dict[str, tuple[int, Encoder, float]] = {
    "JPEG": (7, _jpeg("RGB"), 2.0),
    "JPEG 2000": (
        34712,
        lambda block: imagecodecs.jpeg2k_encode(_flat(block), level=0, codecformat="j2k"),
        0,
    ),
    "JPEG XL": (50002, lambda block: imagecodecs.jpegxl_encode(_flat(block), lossless=True), 0),
    "PNG": (34933, lambda block: imagecodecs.png_encode(_flat(block)), 0),
    "WebP": (50001, lambda block: imagecodecs.webp_encode(_flat(block), lossless=True), 0),
}
"""Codes, encoders of a strip or tile [h, w, s], and what they cost."""


def _blocks(values: np.ndarray, tiled: bool) -> Iterator[np.ndarray]:
    """Strips or tiles [h, w, s]; tiles are filled up by repetition of their last pixels."""
    height, width = values.shape[:2]
    if not tiled:
        yield from (values[top : top + STRIP] for top in range(0, height, STRIP))
        return
    rows, columns = TILE
    more = ((0, -height % rows), (0, -width % columns), (0, 0))
    full = np.pad(values, more, mode="edge")
    for top, left in itertools.product(range(0, height, rows), range(0, width, columns)):
        yield full[top : top + rows, left : left + columns]


def _plain(block: np.ndarray, bits: int, order: str) -> bytes:
    """Samples as bytes, every row from a whole byte on."""
    if bits in (8, 16, 32, 64):
        return block.astype(block.dtype.newbyteorder(order)).tobytes()
    shifts = np.arange(bits - 1, -1, -1)
    digits = block.reshape(block.shape[0], -1, 1) >> shifts & 1
    return np.packbits(digits.reshape(block.shape[0], -1).astype("u1"), axis=1).tobytes()


def file_of(
    samples: Samples, column: str, order: str, big: bool, tiled: bool, predictor: int = 1
) -> bytes:
    """One TIFF."""
    values, bits = samples.values, samples.bits
    height, width, count = values.shape
    planes = [values[..., i : i + 1] for i in range(count)] if samples.planar else [values]
    blocks = []
    for block in itertools.chain.from_iterable(_blocks(plane, tiled) for plane in planes):
        if column in PICTURES:
            blocks.append(PICTURES[column][1](block))
            continue
        if predictor == 2:
            block = imagecodecs.delta_encode(np.ascontiguousarray(block), axis=1)
        data = _plain(block, bits, order)
        if predictor == 3:
            coded = imagecodecs.floatpred_encode(np.ascontiguousarray(block), axis=1)
            data = coded.tobytes()
        blocks.append(STREAMS[column][1](data, len(data) // block.shape[0]))
    code = PICTURES[column][0] if column in PICTURES else STREAMS[column][0]
    tags: Tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * count),
        259: (3, [code]),
        262: (3, [samples.photometric]),
        277: (3, [count]),
        284: (3, [2 if samples.planar else 1]),
        317: (3, [predictor]),
        **({322: (4, [TILE[1]]), 323: (4, [TILE[0]])} if tiled else {278: (4, [STRIP])}),
        **(samples.tags or {}),
    }
    return tiff([(tags, blocks)], order, big, tiled)


def kinds() -> Iterator[Kind]:
    """The matrix: every variant of uncompressed samples, and every fourth of packed ones, by turns
    another fourth, so that each variant meets each compression."""
    turn = 0
    for (row, samples), column in itertools.product(SAMPLES.items(), [*STREAMS, *PICTURES]):
        if column in PICTURES and not _fits(samples, column):
            continue
        turn += 1
        variants = itertools.product(
            "<>", (False, True), (False, True), _predictors(samples, column)
        )
        for at, (order, big, tiled, predictor) in enumerate(variants):
            if column != "none" and (at + turn) % 4:
                continue
            name = (
                f"{'little' if order == '<' else 'big'}-endian{' BigTIFF' if big else ''}, "
                f"{'tiles' if tiled else 'strips'}{f', predictor {predictor}' * (predictor > 1)}"
            )
            data = file_of(samples, column, order, big, tiled, predictor)
            cost = PICTURES[column][2] if column in PICTURES else 0
            yield Kind(row, column, name, data, samples.expected, samples.tolerance + cost)


def _predictors(samples: Samples, column: str) -> list[int]:
    if column not in ("none", "LZW", "deflate", "Zstandard") or samples.photometric == 6:
        return [1]
    if samples.bits in (8, 16):
        return [1, 2]
    return [1, 3] if samples is SAMPLES["grey, floating point 0 to 1"] else [1]


def _fits(samples: Samples, column: str) -> bool:
    """Whether the encoder takes such samples at all."""
    channels = 1 if samples.planar else samples.values.shape[2]
    if samples.values.dtype.kind != "u" or samples.photometric in (3, 6, 8):
        return False
    sizes = {"JPEG": (8,), "WebP": (8,)}.get(column, (8, 16))
    counts = {"JPEG": (1, 3, 4), "WebP": (3, 4), "JPEG 2000": (1, 3, 4)}.get(column, (1, 3))
    if column == "JPEG" and samples.photometric == 2 and channels == 4:
        return False
    return samples.bits in sizes and channels in counts
