"""Hands on the first page of an image file band by band, so that no large copy is ever held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
Bands = Callable[[int], Iterator[Image.Image]]


class Picture(NamedTuple):
    """A picture as it is stored, before any turning."""

    size: tuple[int, int]
    """Width and height in pixels, as decoded."""
    bands: Bands
    """``bands(rows)``: the picture from top to bottom in bands of so many rows (the last may have
    fewer), in one of the modes L, RGB, RGBa and CMYK. To be called once."""
    rgb: npt.NDArray[np.uint8] | None = None
    """The same as uint8 [h, w, 3], where it was decoded so."""


class FirstPage(NamedTuple):
    """The first page of a file, and how many the file has."""

    image: Picture
    pages: int
    """How many pages or frames the file has."""
    extent: tuple[float, float]
    """Width and height of the picture in pixels of ``image``: a little less than its size where a
    JPEG was read at a part of a size that this part does not divide."""
    orientation: int = 1
    """The orientation as EXIF numbers it, 1 to 8."""
    profile: bytes | None = None
    """The ICC profile, where there is one."""
    suspect: bool = False
    """Whether the file's bytes look damaged where no decoder can tell for certain."""
    unchecked: bool = False
    """Whether its coding shows little damage by itself, so that the picture has to be looked at."""
    um_per_pixel: float = 0.0
    """The size of a pixel in micrometres that the file says; 0 where that is not known."""


def averageable(image: Image.Image) -> Image.Image:
    """Return an 8-bit image in a mode whose samples may be averaged."""
    if image.mode in ("RGB", "L", "CMYK") and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGBa")
    return image.convert("L" if image.mode == "1" else "RGB")


def of_image(image: Image.Image) -> Picture:
    """Return the picture of an image that Pillow decoded."""

    def bands(rows: int) -> Iterator[Image.Image]:
        width, height = image.size
        for top in range(0, height, rows):
            whole = top == 0 and rows >= height
            yield averageable(
                image if whole else image.crop((0, top, width, min(top + rows, height)))
            )

    return Picture(image.size, bands)


def of_array(samples: Array, mode: str) -> Picture:
    """Return the picture of uint8 or uint16 samples [h, w] or [h, w, channels of the mode]."""
    height, width = samples.shape[:2]

    def bands(rows: int) -> Iterator[Image.Image]:
        for top in range(0, height, rows):
            yield averageable(from_array(to_eight_bits(samples[top : top + rows]), mode))

    plain = mode == "RGB" and samples.dtype == np.uint8
    return Picture((width, height), bands, samples if plain else None)


def from_array(samples: npt.NDArray[np.uint8], mode: str) -> Image.Image:
    """Return an image of uint8 samples [h, w] or [h, w, channels of the mode]."""
    height, width = samples.shape[:2]
    return Image.frombuffer(mode, (width, height), np.ascontiguousarray(samples), "raw", mode, 0, 1)


def to_eight_bits(samples: Array, top: float | None = None) -> npt.NDArray[np.uint8]:
    """Scale samples from 0 to ``top`` to 0 to 255; None is the largest of their type."""
    if samples.dtype == np.uint8 and top in (None, 255):
        return samples
    scale = np.float32(255 / (np.iinfo(samples.dtype).max if top is None else top))
    scaled = np.rint(samples.astype(np.float32) * scale)
    eight: npt.NDArray[np.uint8] = np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
    return eight


def regroup(parts: Iterable[Array], rows: int) -> Iterator[Array]:
    """Join arrays [h, ...] in their order, and cut them into arrays of ``rows`` rows."""
    held: list[Array] = []
    count = 0
    for part in parts:
        rest = part
        while len(rest):
            taken = rest[: rows - count]
            held.append(taken)
            count += len(taken)
            rest = rest[len(taken) :]
            if count == rows:
                yield _join(held)
                held, count = [], 0
    if held:
        yield _join(held)


def _join(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
