"""Names a field of a whole slide: the slide's file, and where in its picture the field lies.

``slide.dcm#xywh=512,0,256,256`` is written as the W3C's Media Fragments have it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"(.+)#xywh=(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", re.DOTALL)


class Region(NamedTuple):
    """A part of the whole picture of a level (its total pixel matrix), in pixels."""

    left: int
    top: int
    width: int
    height: int


def name_of(path: str, region: Region) -> str:
    """Return the name of a field of the slide in this file."""
    return f"{path}#xywh={region.left},{region.top},{region.width},{region.height}"


def parse(name: str) -> tuple[str, Region] | None:
    """Return the file and the region that a name says; None if it names no region."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    left, top, width, height = map(int, match.groups()[1:])
    return match[1], Region(left, top, width, height)
