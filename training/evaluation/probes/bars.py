"""Paints scale bars in and out: on the public set the style of the bar tells the class.

The bars are drawn here, after the looks of those in the public fields; they share nothing with
the bars that training paints.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from toolkit import served
from training.evaluation.probes.field import Rgb


class Style(NamedTuple):
    """How a scale bar looks."""

    text: str
    digits: int
    """Their height, in pixels of the 224 pixel field."""
    colour: tuple[int, int, int]
    box: bool
    """A white box behind it."""
    size: tuple[int, int]
    """Width and height; a longer text is cut off, as the large ones of the public fields are."""
    margin: int
    """Between it and the field's edges."""


STYLES = {
    "large_200": Style("200 px", 9, (0, 0, 0), True, (31, 30), 0),
    "large_500": Style("500 px", 9, (0, 0, 0), True, (31, 30), 0),
    "small_black": Style("100 px", 4, (0, 0, 0), True, (24, 12), 5),
    "small_red": Style("100 px", 4, (200, 30, 40), False, (24, 12), 5),
}
CORNERS = {
    "lower_right": (True, True),
    "lower_left": (True, False),
    "upper_right": (False, True),
    "upper_left": (False, False),
}
"""Whether it is the lower, and whether it is the right one."""


def paint(field: Rgb, style: str, corner: str) -> Rgb:
    """Return the field with a drawn bar in one of its corners."""
    bar = STYLES[style]
    (wide, high), (lower, to_the_right) = bar.size, CORNERS[corner]
    x = field.shape[1] - bar.margin - wide if to_the_right else bar.margin
    y = field.shape[0] - bar.margin - high if lower else bar.margin
    image = Image.fromarray(field)
    tile = image.crop((x, y, x + wide, y + high))
    if bar.box:
        tile.paste((255, 255, 255), (0, 0, wide, high))
    draw = ImageDraw.Draw(tile)
    thick = max(1, bar.digits // 5)
    line, end = high - 3 * thick, wide if bar.margin == 0 else wide - 2
    font = ImageFont.load_default(size=bar.digits * 1.4)
    draw.text((3, line - 2 * thick), bar.text, bar.colour, font, anchor="ls")
    draw.line((2, line, end, line), bar.colour, width=thick)
    for tick in (2, end):
        draw.line((tick, line - 2 * thick, tick, line + 2 * thick), bar.colour)
    image.paste(tile, (x, y))
    return np.asarray(image)


def inpaint(field: Rgb) -> Rgb:
    """Return the field with the bar's corner filled in from its surroundings (A. Telea, 2004)."""
    corner = np.zeros(field.shape[:2], np.uint8)
    edge = served.pixels.MASK_FROM
    corner[edge:, edge:] = 255
    return np.asarray(cv2.inpaint(field, corner, 5, cv2.INPAINT_TELEA), np.uint8)


def blank(field: Rgb) -> Rgb:
    """Return the field with the bar's corner in the colour around it, without structure."""
    edge = served.pixels.MASK_FROM
    changed = field.copy()
    around = np.concatenate(
        [
            field[edge - 8 : edge, edge - 8 :].reshape(-1, 3),
            field[edge:, edge - 8 : edge].reshape(-1, 3),
        ]
    )
    changed[edge:, edge:] = np.median(around, axis=0)
    return changed
