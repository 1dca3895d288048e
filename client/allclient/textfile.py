"""Reads text files as other programs save them: with a mark of order (BOM), or in UTF-16."""

from __future__ import annotations

import codecs
from typing import Final

UTF_8_MARK: Final = codecs.BOM_UTF8
_UTF_16_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ASCII_SHARE: Final = 0.5
"""Smallest share of ASCII among the characters of a text in UTF-16 without a mark."""


def utf_16_of(start: bytes) -> str | None:
    """Return the UTF-16 codec of a text with these first bytes; None for UTF-8.

    A zero byte tells: text in UTF-8 has none, and in UTF-16 every ASCII character has one.
    """
    if b"\0" not in start:
        return None
    if start[:2] in _UTF_16_MARKS:
        return _UTF_16_MARKS[start[:2]]
    low, high = start[0::2].count(0), start[1::2].count(0)
    if max(low, high) < _ASCII_SHARE * (len(start) // 2) or min(low, high) > max(low, high) / 10:
        return None
    return "utf-16-le" if high > low else "utf-16-be"


def decoded(data: bytes) -> str:
    """Return a whole text, without its mark.

    Raises:
        UnicodeDecodeError: the bytes are no text.
    """
    return data.decode(utf_16_of(data) or "utf-8").removeprefix("\ufeff")
