"""Paints scale bars of any style, anywhere: on the public set their style tells the class."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.augment.config import AugmentConfig
from training.augment.field import MASK_FROM, Rgb

_INKS = ((0, 0, 0), (0, 0, 0), (255, 255, 255), (220, 20, 20), (250, 220, 30), (30, 60, 220))
_UNITS = ("", " px", " um", " um", "x")
_NUMBERS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 400, 500, 1000)


def paint(pixels: Rgb, rng: np.random.Generator, config: AugmentConfig) -> Rgb:
    """Paint a scale bar into some views, half of them near the masked corner and out of it.

    Length, ends, ink, plate, lettering and place are drawn; the field itself is not changed.
    """
    if rng.random() >= config.bar:
        return pixels
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    length, thick = int(rng.integers(10, 75)), int(rng.integers(1, 5))
    font = _font(int(rng.integers(7, 22)))
    label = f"{rng.choice(_NUMBERS)}{rng.choice(_UNITS)}" if rng.random() < 0.8 else ""
    ink = _INKS[rng.integers(len(_INKS))]

    draw = ImageDraw.Draw(image)
    wide, high = (int(edge) + 1 for edge in draw.textbbox((0, 0), label, font)[2:])
    box_width, box_height = max(length, wide) + 6, high + thick + 8
    if rng.random() < 0.5:
        left = rng.integers(MASK_FROM - box_width, width - box_width // 2)
        top = rng.integers(MASK_FROM - box_height, height - box_height // 2)
    else:
        left = rng.integers(0, max(1, width - box_width))
        top = rng.integers(0, max(1, height - box_height))
    left, top = int(left), int(top)
    if rng.random() < 0.4:
        plate = (255, 255, 255) if sum(ink) < 600 else (0, 0, 0)
        draw.rectangle((left, top, left + box_width, top + box_height), fill=plate)
    middle = left + box_width // 2
    above = rng.random() < 0.7
    line = top + (high + 4 if above else 3)
    start = middle - length // 2
    draw.rectangle((start, line, start + length, line + thick - 1), fill=ink)
    if rng.random() < 0.4:
        tick = thick + int(rng.integers(1, 5))
        for end in (start, start + length):
            draw.rectangle((end, line - tick, end + max(0, thick - 2), line + tick), fill=ink)
    draw.text((middle - wide // 2, top if above else line + thick + 1), label, ink, font)
    return np.array(image)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
