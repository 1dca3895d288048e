"""One kind of file: how it is called, its bytes, and the picture that has to come out of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pixels
import smear_file
from PIL import Image


class Kind(NamedTuple):
    """A whole file, which is either read right or refused as not supported."""

    row: str
    column: str
    variant: str
    data: bytes
    expected: np.ndarray
    """uint8 [h, w, 3]."""
    tolerance: float
    """Mean difference in grey levels that its coding may cost."""

    @property
    def name(self) -> str:
        return f"{self.row}, {self.column}, {self.variant}"


READ = "yes"
NOT_READ = "no"


def outcome(kind: Kind) -> str:
    """READ or NOT_READ; raises AssertionError for anything else that comes out of the file."""
    try:
        found = picture(kind.data)
    except pixels.ImageError as error:
        if error.code == smear_file.UNSUPPORTED:
            return NOT_READ
        raise AssertionError(f"{kind.name}: [{error.code}] {error}") from error
    assert found.shape == kind.expected.shape, kind.name
    apart = np.abs(found.astype(int) - kind.expected).mean()
    assert apart <= kind.tolerance, f"{kind.name}: {apart:.2f} grey levels off"
    return READ


def picture(data: bytes, band: int = 7) -> np.ndarray:
    """uint8 [h, w, 3], the picture at its own size, drawn in bands, on white."""
    name = smear_file.identify(data)
    try:
        page = smear_file.read(data, name, side=1 << 20)
        bands = [np.asarray(on_white(part)) for part in page.image.bands(band)]
    except Exception as error:
        raise smear_file.refusal(name, error) from error
    return np.concatenate(bands)


def on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBa":
        return image.convert("RGB")
    samples = np.asarray(image).astype(int)
    return Image.fromarray((samples[..., :3] + 255 - samples[..., 3:]).clip(0, 255).astype("u1"))


def field(width: int = 44, height: int = 31) -> np.ndarray:
    """uint8 [height, width, 3]: slopes, and a disc off the middle; different along every axis."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    rgb = np.stack([60 + 170 * x, 50 + 150 * y, 230 - 120 * x * y], axis=-1)
    rgb[(x - 0.3) ** 2 + (y - 0.4) ** 2 < 0.04] = (110, 60, 160)
    return np.rint(rgb).astype(np.uint8)


RGB = field()
GREY = RGB[..., 1]
THREE = np.repeat(GREY[..., None], 3, axis=2)
"""The grey field as RGB."""


def scaled(samples: np.ndarray, top: int) -> np.ndarray:
    """8-bit samples as integers from 0 to ``top``."""
    return np.rint(samples.astype(float) * top / 255).astype(np.int64)


def as_seen(values: np.ndarray, top: int) -> np.ndarray:
    """What integers from 0 to ``top`` are in 8 bits."""
    return np.rint(values * 255 / top).astype(np.uint8)
