"""Turns the samples of a TIFF into 8-bit grey, RGB, CMYK, or RGB with transparency."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from smear_error import UNSUPPORTED, ImageError, corrupt
from smear_page import Array, averageable, from_array, to_eight_bits
from smear_tiff_codecs import STREAMS
from smear_tiff_layout import Layout
from smear_tiff_samples import CMYK, FLOAT, GREY, LAB, PALETTE, SIGNED, YCBCR, numbers
from tifffile import TiffPage

_LUMA: Final[tuple[float, ...]] = (0.299, 0.587, 0.114)
_FULL_RANGE: Final[tuple[float, ...]] = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)


class Colours:
    """Turns bands of samples into images."""

    def __init__(self, layout: Layout) -> None:
        page = layout.page
        self._layout, self._kind = layout, page.photometric
        self._palette = _palette(page) if page.photometric == PALETTE else None
        # JPEG, and the pictures inside a TIFF, are turned to RGB by their decoders, but for one.
        streamed = page.photometric == YCBCR and page.compression in STREAMS
        self._is_ycbcr = streamed or page.compression == 33003
        self._luma, self._range = _LUMA, _FULL_RANGE
        if page.photometric == YCBCR:
            luma, bounds = numbers(page, 529), numbers(page, 532)
            finite = all(map(math.isfinite, luma + bounds))
            self._luma = luma if finite and len(luma) == 3 and min(luma) > 0 else _LUMA
            self._range = bounds if finite and len(bounds) == 6 else _FULL_RANGE

    def image(self, samples: Array) -> Image.Image:
        """Return one band [h, w, s] in a mode whose samples may be averaged."""
        kind = self._kind
        if self._palette is not None:
            return from_array(self._palette[samples[..., 0]], "RGB")
        eight = self._eight_bits(samples)
        if self._is_ycbcr:
            eight = self._from_ycbcr(eight)
        if kind == LAB:
            size = (eight.shape[1], eight.shape[0])
            return Image.frombytes("LAB", size, eight.tobytes(), "raw", "LAB").convert("RGB")
        if kind == CMYK:
            return from_array(eight[..., :4], "CMYK")
        count = 1 if kind in GREY else 3
        colours = eight[..., :count]
        if kind == 0:
            colours = np.subtract(255, colours, dtype=np.uint8)
        if not self._layout.alpha:
            plain = colours[..., 0] if count == 1 else colours
            return from_array(plain, "L" if count == 1 else "RGB")
        alpha = eight[..., count : count + 1]
        if count == 1:
            colours = np.repeat(colours, 3, axis=2)
        if self._layout.alpha == 1:
            colours = np.minimum(colours, alpha)
            premultiplied = np.concatenate([colours, alpha], axis=2)
            return from_array(premultiplied, "RGBa")
        return averageable(from_array(np.concatenate([colours, alpha], axis=2), "RGBA"))

    def _eight_bits(self, samples: Array) -> npt.NDArray[np.uint8]:
        layout, page = self._layout, self._layout.page
        if page.sampleformat == FLOAT:
            if not (samples.min() >= 0 and samples.max() <= 1):  # also false for NaN
                raise ImageError(
                    UNSUPPORTED,
                    "floating-point samples outside 0 to 1 have no agreed range; "
                    "save the image with 8 or 16 bits",
                )
            return to_eight_bits(samples, 1.0)
        if page.sampleformat == SIGNED:
            return to_eight_bits(samples, 2.0 ** (page.bitspersample - 1) - 1)
        if layout.top is not None and samples.max() > layout.top:
            raise corrupt("TIFF", "it has larger samples than it says there are")
        return to_eight_bits(samples, layout.top or 2**page.bitspersample - 1)

    def _from_ycbcr(self, samples: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return RGB by the luma coefficients and reference levels, as TIFF 6.0 says."""
        black, white = self._range[::2], self._range[1::2]
        wide = samples.astype(np.float32)
        full = (255.0, 127.0, 127.0)
        y, cb, cr = (
            (wide[..., i] - black[i]) * np.float32(full[i] / ((white[i] - black[i]) or 1))
            for i in range(3)
        )
        red, green, blue = self._luma
        r = y + cr * np.float32(2 - 2 * red)
        b = y + cb * np.float32(2 - 2 * blue)
        g = (y - np.float32(blue) * b - np.float32(red) * r) / np.float32(green)
        rgb = np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, 255)
        return np.asarray(rgb, np.uint8)


def _palette(page: TiffPage) -> npt.NDArray[np.uint8]:
    """Return the palette, uint8 [2 ** bits, 3]."""
    values = page.tags.valueof(320)
    if np.shape(values) != (3, 2**page.bitspersample):
        raise corrupt("TIFF", "its palette has not the colours that it needs")
    table = np.asarray(values, np.int64).T
    # Some programs write 8 bits where 16 are due.
    return np.asarray(table >> 8 if table.max() > 255 else table, np.uint8)


def join_subsampled(
    data: bytes | memoryview, shape: tuple[int, int], across: int, down: int
) -> Array:
    """Return YCbCr [h, w, 3] of blocks of several lumas and one pair of chromas."""
    height, width = shape
    rows, columns = -(-height // down), -(-width // across)
    block = across * down + 2
    if len(data) < rows * columns * block:
        raise corrupt("TIFF", "a strip or tile is too short for its colours")
    blocks = np.frombuffer(data, np.uint8, rows * columns * block).reshape(rows, columns, block)
    luma = blocks[..., :-2].reshape(rows, columns, down, across).transpose(0, 2, 1, 3)
    luma = luma.reshape(rows * down, columns * across)
    chroma = blocks[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    joined: Array = np.concatenate([luma[..., None], chroma], axis=2)
    return joined[:height, :width]
