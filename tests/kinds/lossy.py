"""JPEGs and WebPs, as their usual encoders write them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import Image

from tests.kinds.kind import RGB, THREE, Kind, field

_BIG = field(224, 160)
"""Large enough that halved colours cost little."""


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def jpegs() -> Iterator[Kind]:
    def of(row: str, data: bytes, expected: np.ndarray = _BIG, tolerance: float = 3) -> Kind:
        return Kind(row, "", "", data, expected, tolerance)

    image = Image.fromarray(_BIG)
    grey = np.repeat(_BIG[..., 1:2], 3, axis=2)
    yield of("grey", _saved(Image.fromarray(_BIG[..., 1]), "JPEG", quality=95), grey)
    for name in ("444", "422", "440", "420", "411"):
        data = imagecodecs.jpeg8_encode(_BIG, level=95, subsampling=name)
        yield of(f"YCbCr, 4:{name[1]}:{name[2]}", data)
    unusual = bytearray(imagecodecs.jpeg8_encode(_BIG, level=95, subsampling="444"))
    unusual[unusual.index(b"\xff\xc0") + 11] = 0x31
    yield of("YCbCr, 3 by 1", bytes(unusual))
    for name, options in (
        ("progressive", {"progressive": True}),
        ("optimised", {"optimize": True}),
        ("restart markers", {"restart_marker_blocks": 3}),
    ):
        yield of(f"YCbCr, {name}", _saved(image, "JPEG", quality=95, **options))
    yield of("RGB", _saved(image, "JPEG", quality=95, keep_rgb=True))
    ink = np.concatenate([_BIG, np.full((*_BIG.shape[:2], 1), 255, "u1")], axis=2)
    for name in ("CMYK", "YCCK"):
        data = imagecodecs.jpeg8_encode(ink, level=98, colorspace="CMYK", outcolorspace=name)
        yield of(name, data)
    yield of("several pictures (MPO)", _saved(image, "MPO", quality=95, save_all=True))
    deep = imagecodecs.jpeg8_encode(_BIG.astype("u2") * 16, level=95, bitspersample=12)
    yield of("YCbCr, 12 bits", deep)
    yield of("RGB, lossless", imagecodecs.jpeg8_encode(_BIG, lossless=True))


def webps() -> Iterator[Kind]:
    image, small = Image.fromarray(_BIG), Image.fromarray(RGB)
    yield Kind("lossy", "", "", _saved(image, "WEBP", quality=95), _BIG, 3)
    yield Kind("lossless", "", "", _saved(small, "WEBP", lossless=True), RGB, 0)
    alpha = Image.fromarray(np.dstack([RGB, np.full(RGB.shape[:2], 128, "u1")]))
    faded = np.rint(RGB * (128 / 255) + 127).astype("u1")
    yield Kind("with transparency", "", "", _saved(alpha, "WEBP", lossless=True), faded, 1)
    moving = {"save_all": True, "append_images": [Image.fromarray(THREE)], "lossless": True}
    yield Kind("animated", "", "", _saved(small, "WEBP", **moving), RGB, 0)
