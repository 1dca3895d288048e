"""Draws one field with its cells and its heat map side by side, legend and scale."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from allclient.cell import Box
from allclient.contract import SUBTYPES, Subtype
from allclient.report import Entry
from allclient.report.formats import printable
from allclient.view import heat
from allclient.view.picture import load
from allclient.view.style import STYLES, Style, reason_words

_PANEL: Final = 900
_ENLARGED: Final = 2.0
_GAP: Final = 16
_HEAD: Final = 92
_FOOT: Final = 92
_WHITE, _INK, _SOFT = (255, 255, 255), (20, 20, 20), (90, 90, 90)
_BARS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Lengths of the scale bar, in micrometres."""

_NOTICE: Final = "Not a medical device. Supports a reading by a pathologist and never replaces it."


def annotated(entry: Entry) -> bytes:
    """Return a JPEG file of the field, drawn on.

    Raises:
        ImageReadError: the field's file cannot be shown.
    """
    picture = load(entry.row.file, _PANEL)
    field = _enlarged(picture.image)
    boxes, warm = field.copy(), field.copy()
    for number, cell in enumerate(entry.cells, 1):
        _draw_box(boxes, cell.box(*field.size), STYLES[cell.subtype], number)
    if entry.heatmap is not None:
        layer = heat.layer(entry.heatmap).resize(field.size, Image.Resampling.BICUBIC)
        warm.paste(layer, mask=layer.getchannel("A"))
    if entry.row.um_per_pixel is not None:
        _draw_bar(boxes, entry.row.um_per_pixel * picture.width / field.width)
    width = max(2 * field.width + 3 * _GAP, 2 * 560)
    sheet = Image.new("RGB", (width, _HEAD + field.height + _FOOT), _WHITE)
    sheet.paste(boxes, (_GAP, _HEAD))
    sheet.paste(warm, (2 * _GAP + field.width, _HEAD))
    _draw_head(sheet, entry)
    _draw_foot(sheet, entry, _HEAD + field.height)
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=88, subsampling=0)
    return data.getvalue()


def _enlarged(image: Image.Image) -> Image.Image:
    """Return a small field at twice its size at most: boxes need room for their letters."""
    factor = min(_PANEL / max(image.size), _ENLARGED)
    if factor <= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _draw_box(image: Image.Image, box: Box, style: Style, number: int) -> None:
    draw = ImageDraw.Draw(image)
    draw.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_WHITE, width=5)
    corners = [
        (box.left, box.top),
        (box.right - 1, box.top),
        (box.right - 1, box.bottom - 1),
        (box.left, box.bottom - 1),
    ]
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        _draw_line(draw, start, end, style)
    text = f"{style.letter}{number}"
    font = _font(16)
    left, top, right, bottom = font.getbbox(text)
    x = min(max(box.left, 0), image.width - int(right) - 6)
    y = box.top - int(bottom) - 6 if box.top > int(bottom) + 6 else box.bottom
    y = min(max(y, 0), image.height - int(bottom) - 6)
    draw.rectangle((x, y, x + right + 6, y + bottom + 5), fill=style.colour, outline=_WHITE)
    draw.text((x + 3 - left / 2, y + 2 - top / 4), text, fill=style.ink, font=font)


def _draw_line(
    draw: ImageDraw.ImageDraw, start: tuple[int, int], end: tuple[int, int], style: Style
) -> None:
    """Draw a straight line in the dashes of the style; its ends are on one axis."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    if not style.dash or not length:
        draw.line((start, end), fill=style.colour, width=3)
        return
    at, index = 0, 0
    while at < length:
        upto = min(at + style.dash[index % len(style.dash)], length)
        if index % 2 == 0:
            piece = [
                tuple(round(a + (b - a) * share / length) for a, b in zip(start, end, strict=True))
                for share in (at, upto)
            ]
            draw.line(piece, fill=style.colour, width=3)
        at, index = upto, index + 1


def _draw_bar(image: Image.Image, um_per_pixel: float) -> None:
    """Draw the longest round length that fits into a quarter of the width."""
    fitting = [um for um in _BARS if um / um_per_pixel <= image.width / 4]
    if not fitting:
        return
    length = round(fitting[-1] / um_per_pixel)
    draw = ImageDraw.Draw(image)
    left, bottom = 14, image.height - 14
    draw.rectangle((left - 6, bottom - 32, left + max(length, 60) + 6, bottom + 6), fill=_WHITE)
    draw.rectangle((left, bottom - 4, left + length, bottom), fill=_INK)
    # The font has no sign for micro.
    draw.text((left, bottom - 28), f"{fitting[-1]} um", fill=_INK, font=_font(18))


def _draw_head(sheet: Image.Image, entry: Entry) -> None:
    row = entry.row
    draw = ImageDraw.Draw(sheet)
    room = int(sheet.width / 9.5)
    draw.text((_GAP, 8), _cut(printable(row.file), room), fill=_INK, font=_font(18))
    subtype = Subtype(row.subtype)
    named = "" if subtype is Subtype.BENIGN else f" ({STYLES[subtype].words})"
    answer = f"{row.label}{named}, probability {row.probability:.3f}"
    count = f"{len(entry.cells)} leukocytes, {row.malignant_leukocytes or 0} of them malignant"
    draw.text((_GAP, 34), f"{answer}; {count}", fill=_INK, font=_font(20))
    reasons = " ".join(reason_words(code) for code in row.review or ())
    text = f"Review: {reasons}" if reasons else "No reason for review was found."
    draw.text((_GAP, 62), _cut(text, room), fill=_INK, font=_font(17))


def _draw_foot(sheet: Image.Image, entry: Entry, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    x = _GAP
    for subtype in SUBTYPES:
        style = STYLES[subtype]
        middle = top + 26
        _draw_line(draw, (x, middle), (x + 44, middle), style)
        draw.rectangle((x + 50, middle - 11, x + 70, middle + 11), fill=style.colour)
        draw.text((x + 54, middle - 9), style.letter, fill=style.ink, font=_font(16))
        draw.text((x + 76, middle - 9), style.words, fill=_INK, font=_font(16))
        x += 90 + int(_font(16).getlength(style.words))
    x = sheet.width // 2 + _GAP
    sheet.paste(heat.scale(180, 16), (x, top + 18))
    draw.text((x, top + 36), "0", fill=_INK, font=_font(14))
    draw.text((x + 172, top + 36), "1", fill=_INK, font=_font(14))
    draw.text((x + 196, top + 17), "how much a part speaks", fill=_INK, font=_font(16))
    draw.text((x + 196, top + 36), "for the field's subtype", fill=_INK, font=_font(16))
    draw.text((_GAP, top + 62), _NOTICE, fill=_SOFT, font=_font(16))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"\u2026{text[-room + 1 :]}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
