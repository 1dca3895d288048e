"""Knows TIFFs that are not one plain picture: raw camera files, whole slides, stacks, OME."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple
from xml.parsers import expat

from smear_error import UNSUPPORTED, ImageError
from smear_tiff_bounds import Chain
from tifffile import TiffPage
from tifffile.tifffile import imagej_description_metadata, shaped_description_metadata

_RAW_PHOTOMETRIC: Final = (32803, 34892)
_RAW: Final = "this is a raw camera file; export it as TIFF or PNG"
_CUT_OUT: Final = "export a field of view as TIFF or PNG"


def refuse_raw(data: bytes, page: TiffPage, page_at: Callable[[int], TiffPage]) -> None:
    """Refuse camera files, whose first directory is a small preview or undeveloped."""
    raw = data[8:10] == b"CR" or page.is_dng or page.photometric in _RAW_PHOTOMETRIC
    for at in (page.subifds or ())[:8] if not raw else ():
        try:
            raw = raw or page_at(int(at)).photometric in _RAW_PHOTOMETRIC
        except Exception:  # noqa: S112  # A directory that cannot be read is not looked at.
            continue
    if raw:
        raise ImageError(UNSUPPORTED, _RAW)


def slide_of(page: TiffPage, chain: Chain) -> str | None:
    """Return the name of a whole slide's format, if the file is one.

    A file whose first directory is not the slide itself but a photograph of its label is refused.
    """
    text = page.description
    if "www.leica-microsystems.com/scn" in text:
        raise ImageError(UNSUPPORTED, f"a whole-slide image: this is a Leica SCN; {_CUT_OUT}")
    packet = page.tags.valueof(700)
    if isinstance(packet, bytes) and b"<iScan" in packet[:100_000]:
        raise ImageError(UNSUPPORTED, f"a whole-slide image: this is a Ventana BIF; {_CUT_OUT}")
    if page.is_svs:
        return "Aperio SVS"
    if 65420 in page.tags:
        return "Hamamatsu NDPI"
    if "PhilipsDP" in text[:200] or page.software.startswith("Philips DP"):
        return "Philips TIFF"
    if 322 in page.tags and (page.subifds or chain.copies):
        return "a pyramid of reduced copies"
    return None


class Stack(NamedTuple):
    """How many pictures a file holds, and which planes make the first one."""

    pages: int
    colours: tuple[int, int, int] | None = None
    """Places in the chain of three directories of an OME-TIFF that are the red, green and blue of
    one picture."""
    bits: int | None = None
    """Significant bits a sample, where the file says so."""


_MAX_PAGES: Final = 999_999_999
"""Pictures that one file may claim to hold."""


def stack(page: TiffPage, chain: Chain, slide: str | None) -> Stack:
    """Count the pictures of a file, those in hidden planes too.

    The directories name them, and so do ImageJ, tifffile, MetaMorph or OME.
    """
    counted = 1 if slide else len(chain.pages)
    if page.is_ome:
        return _ome(page.description, counted)
    return Stack(min(max(counted, _hidden(page)), _MAX_PAGES))


def _hidden(page: TiffPage) -> int:
    """Return the pictures that one directory stands for."""
    try:
        if page.imagej_description:
            text = page.imagej_description[:100_000]
            return int(imagej_description_metadata(text)["images"])
        if page.shaped_description:
            sides = shaped_description_metadata(page.shaped_description)["shape"]
            return math.prod(int(side) for side in sides[:16]) // max(math.prod(page.shape), 1)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 1  # An odd description counts nothing.
    planes = page.tags.get(33629)  # MetaMorph: a value for each plane
    return planes.count if planes else 1


_NUMBERED: Final = re.compile(r"(channel|ch|c)?[\s:=_#-]*[\d:]*", re.IGNORECASE)
"""Names of channels that say nothing."""
_NAMES: Final = ({"red", "r"}, {"green", "g"}, {"blue", "b"})
_CODES: Final = (0xFF0000FF, 0x00FF00FF, 0x0000FFFF)
"""Red, green and blue as OME writes colours."""


def _ome(text: str, counted: int) -> Stack:
    """Read what OME says of the pictures.

    tifffile's own reading of OME takes the memory that a file asks for, gigabytes for one
    attribute.
    """
    pictures = 0
    first: Stack | None = None
    for attributes, channels in ome_pixels(text):
        sizes = {axis: _count(attributes.get(f"Size{axis}")) for axis in "ZCT"}
        samples = _count(channels[0].get("SamplesPerPixel")) if channels else 1
        planes = max(1, math.prod(sizes.values()) // samples)
        colours = None
        if sizes["C"] == 3 and samples == 1 and len(channels) == 3:
            colours = _colours(channels, attributes.get("DimensionOrder", "XYZCT"), sizes)
        pictures += planes // 3 if colours else planes
        bits = _count(attributes.get("SignificantBits"), 0)
        first = first or Stack(1, colours, bits or None)
    if first is None:
        return Stack(counted)
    held = counted // 3 if first.colours else counted
    if first.colours and max(first.colours) >= counted:
        return Stack(max(counted, pictures), None, first.bits)
    return first._replace(pages=max(pictures, held, 1))


Attributes = dict[str, str]

_ELEMENTS: Final = 300_000
"""OME has four for each of 10,000 planes, and then some."""


def ome_pixels(text: str) -> list[tuple[Attributes, list[Attributes]]]:
    """Return the attributes of each Pixels element, and of its channels."""
    pictures: list[tuple[Attributes, list[Attributes]]] = []
    elements = itertools.count()

    def start(name: str, attributes: Attributes) -> None:
        if next(elements) > _ELEMENTS:
            raise ValueError
        if name.rpartition(":")[2] == "Pixels" and len(pictures) < 10_000:
            pictures.append((attributes, []))
        elif name.rpartition(":")[2] == "Channel" and pictures and len(pictures[-1][1]) < 16:
            pictures[-1][1].append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with suppress(expat.ExpatError, ValueError):  # What stands before a fault counts.
        parser.Parse(text, True)
    return pictures


def _colours(
    channels: list[Attributes], order: str, sizes: dict[str, int]
) -> tuple[int, int, int] | None:
    """Return the places of red, green and blue among the planes, if the channels are named so."""
    named = [channel.get("Name", "").strip().lower() for channel in channels]
    coloured = [_colour(channel.get("Color", "")) for channel in channels]
    if all(_NUMBERED.fullmatch(name) for name in named):
        places = [coloured.index(code) for code in _CODES if code in coloured]
    else:
        places = [at for names in _NAMES for at, name in enumerate(named) if name in names]
    if sorted(places) != [0, 1, 2] or not re.fullmatch(r"XY[ZCT]{3}", order):
        return None
    step = math.prod(sizes[axis] for axis in order[2 : order.index("C")])
    return places[0] * step, places[1] * step, places[2] * step


def _colour(text: str) -> int | None:
    return int(text) & 0xFFFFFFFF if re.fullmatch(r"-?\d{1,12}", text) else None


def _count(text: str | None, default: int = 1) -> int:
    """Return a positive whole number."""
    return int(text) if text and re.fullmatch(r"[1-9]\d{0,8}", text) else default
