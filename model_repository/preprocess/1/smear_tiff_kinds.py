"""Kinds of TIFF that are not one plain picture: raw camera files, whole slides, stacks, OME."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from smear_error import UNSUPPORTED, ImageError
from smear_tiff_directory import Chain, Directory

_RAW_PHOTOMETRIC: Final = (32803, 34892)
_RAW: Final = "this is a raw camera file; export it as TIFF or PNG"
_CUT_OUT: Final = "export a field of view as TIFF or PNG"


def refuse_raw(data: bytes, directory: Directory) -> None:
    """Refuse camera files, whose first directory is a small preview or undeveloped."""
    raw = data[8:10] == b"CR" or 50706 in directory
    raw = raw or directory.number(262, 1) in _RAW_PHOTOMETRIC
    for at in directory.numbers(330)[:8] if not raw else ():
        inner = _readable(data, int(at))
        raw = raw or (inner is not None and inner.number(262, 1) in _RAW_PHOTOMETRIC)
    if raw:
        raise ImageError(UNSUPPORTED, _RAW)


def _readable(data: bytes, at: int) -> Directory | None:
    try:
        return Directory(data, at)
    except ImageError:
        return None


def slide_of(directory: Directory, chain: Chain) -> str | None:
    """The name of a whole slide's format, where the file is one. Refuses those whose first
    directory is not the slide itself but a photograph of its label."""
    text = directory.text(270)
    if "www.leica-microsystems.com/scn" in text:
        raise ImageError(UNSUPPORTED, f"a whole-slide image: this is a Leica SCN; {_CUT_OUT}")
    if b"<iScan" in directory.raw(700)[:100_000]:
        raise ImageError(UNSUPPORTED, f"a whole-slide image: this is a Ventana BIF; {_CUT_OUT}")
    if text.startswith("Aperio"):
        return "Aperio SVS"
    if 65420 in directory:
        return "Hamamatsu NDPI"
    if "PhilipsDP" in text[:200] or directory.text(305).startswith("Philips DP"):
        return "Philips TIFF"
    tiled = 322 in directory
    if tiled and (330 in directory or chain.copies):
        return "a pyramid of reduced copies"
    return None


class Colours(NamedTuple):
    """Three directories of an OME-TIFF that are the red, green and blue of one picture."""

    planes: tuple[int, int, int]
    """Their places in the chain."""


class Stack(NamedTuple):
    """How many pictures a file holds, and which planes make the first one."""

    pages: int
    colours: Colours | None = None
    bits: int | None = None
    """Significant bits a sample, where the file says so."""


def stack(directory: Directory, chain: Chain, slide: str | None) -> Stack:
    """By the directories and by what ImageJ, tifffile, MetaMorph or OME say of hidden planes."""
    text = directory.text(270)
    counted = 1 if slide else len(chain.pages)
    if "<OME" in text[:2000] and "<Pixels" in text:
        return _ome(text, counted)
    return Stack(max(counted, _hidden(directory, text)))


def _hidden(directory: Directory, text: str) -> int:
    """Pictures that one directory stands for."""
    if text.startswith("ImageJ="):
        found = re.search(r"^images=(\d{1,9})\s*$", text, re.MULTILINE)
        return int(found[1]) if found else 1
    if text.startswith('{"shape":'):
        shape = re.match(r'{"shape": ?\[([\d, ]{1,99})\]', text)
        sides = [int(side) for side in re.findall(r"\d{1,9}", shape[1])] if shape else []
        one = directory.number(256, 0) * directory.number(257, 0) * directory.number(277, 1)
        return max(1, math.prod(sides) // max(one, 1))
    return max(1, directory.count(33629))  # MetaMorph: a value for each plane


_PIXELS: Final = re.compile(r"<Pixels\b([^<>]{0,4000})>(.*?)(?=<Pixels\b|\Z)", re.DOTALL)
_CHANNEL: Final = re.compile(r"<Channel\b([^<>]{0,4000})>")
_ATTRIBUTE: Final = re.compile(r'\b(\w{1,40})="([^"]{0,200})"')
_NUMBERED: Final = re.compile(r"(channel|ch|c)?[\s:=_#-]*[\d:]*", re.IGNORECASE)
"""Names of channels that say nothing."""
_NAMES: Final = ({"red", "r"}, {"green", "g"}, {"blue", "b"})
_CODES: Final = (0xFF0000FF, 0x00FF00FF, 0x0000FFFF)
"""Red, green and blue as OME writes colours."""


def _ome(text: str, counted: int) -> Stack:
    pictures = 0
    first: Stack | None = None
    for found in _PIXELS.finditer(text):
        attributes = _attributes(found[1])
        sizes = {axis: _count(attributes.get(f"Size{axis}")) for axis in "ZCT"}
        channels = [_attributes(one) for one in _CHANNEL.findall(found[2])[:16]]
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
    if first.colours and max(first.colours.planes) >= counted:
        return Stack(max(counted, pictures), None, first.bits)
    return first._replace(pages=max(pictures, held, 1))


def _colours(channels: list[dict[str, str]], order: str, sizes: dict[str, int]) -> Colours | None:
    """The places of red, green and blue among the planes, where the channels are named so."""
    named = [channel.get("Name", "").strip().lower() for channel in channels]
    coloured = [_colour(channel.get("Color", "")) for channel in channels]
    if all(_NUMBERED.fullmatch(name) for name in named):
        places = [coloured.index(code) for code in _CODES if code in coloured]
    else:
        places = [at for names in _NAMES for at, name in enumerate(named) if name in names]
    if sorted(places) != [0, 1, 2] or not re.fullmatch(r"XY[ZCT]{3}", order):
        return None
    step = math.prod(sizes[axis] for axis in order[2 : order.index("C")])
    return Colours((places[0] * step, places[1] * step, places[2] * step))


def _colour(text: str) -> int | None:
    return int(text) & 0xFFFFFFFF if re.fullmatch(r"-?\d{1,12}", text) else None


def _attributes(text: str) -> dict[str, str]:
    return dict(_ATTRIBUTE.findall(text))


def _count(text: str | None, default: int = 1) -> int:
    """A positive whole number."""
    return int(text) if text and re.fullmatch(r"[1-9]\d{0,8}", text) else default
