"""TIFF: the first page, read strip by strip or tile by tile.

The directories are walked here with bounds, and imagecodecs unpacks the samples. What any strip
leaves out is refused; libraries that read TIFF as a whole fill it in.
"""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import Image
from smear_damage import spoilt
from smear_error import unsupported
from smear_page import Array, FirstPage, Picture, regroup
from smear_tiff_codecs import CHECKED, JPEGS, STREAMS, jpeg, picture, unpack, unpredict
from smear_tiff_colour import Colours, join_subsampled
from smear_tiff_directory import Directory, chain
from smear_tiff_kinds import refuse_raw, slide_of, stack
from smear_tiff_layout import GREY, Layout, layout_of, part_bytes


def read(data: bytes) -> FirstPage:
    """The picture; raises ImageError, and whatever a decoder raises for broken data."""
    found = chain(data)
    directory = Directory(data, found.first)
    refuse_raw(data, directory)
    if not found.pages:
        raise unsupported("a TIFF that holds only a thumbnail or a mask")
    if found.pages[0] != found.first:
        directory = Directory(data, found.pages[0])
    slide = slide_of(directory, found)
    pictures = stack(directory, found, slide)
    layouts = [layout_of(directory, slide, pictures.bits)]
    if pictures.colours:
        planes = [Directory(data, found.pages[at]) for at in pictures.colours.planes]
        layouts = [layout_of(plane, slide, pictures.bits) for plane in planes]
        first = layouts[0]
        if any(
            one.photometric not in GREY or one[:8] != first[:8] or one.top != first.top
            for one in layouts
        ):
            raise unsupported("an OME-TIFF whose red, green and blue are not alike")
    layout = layouts[0]
    colours = Colours(layout, directory)
    tables = directory.raw(347, limit=1_000_000)

    def bands(rows: int) -> Iterator[Image.Image]:
        if len(layouts) == 1:
            for band in regroup(_rows(data, layout, tables), rows):
                yield colours.image(band)
            return
        for bands_of_planes in zip(
            *(regroup(_rows(data, one, tables), rows) for one in layouts), strict=True
        ):
            yield Image.merge("RGB", [colours.image(band) for band in bands_of_planes])

    return FirstPage(
        Picture((layout.width, layout.height), bands),
        pages=pictures.pages,
        extent=(layout.width, layout.height),
        orientation=orientation if 1 <= (orientation := directory.number(274, 1)) <= 8 else 1,
        profile=directory.raw(34675, limit=16_000_000) or None,
        suspect=any(_is_suspect(data, one) for one in layouts),
        unchecked=layout.compression not in CHECKED,
    )


def _is_suspect(data: bytes, layout: Layout) -> bool:
    if layout.compression != 1 or layout.bits not in (8, 16):
        return False
    each = len(layout.offsets) // layout.planes
    parts = [(at, at + count) for at, count in zip(layout.offsets, layout.counts, strict=True)]
    planes = (parts[first : first + each] for first in range(0, len(parts), each))
    step = layout.together if layout.bits == 8 else 0
    return any(spoilt(data, plane, step) for plane in planes)


def _rows(data: bytes, layout: Layout, tables: bytes) -> Iterator[Array]:
    """The samples from top to bottom, [rows, width, samples] for each row of strips or tiles."""
    width, height = layout.width, layout.height
    across, down = -(-width // layout.part[0]), -(-height // layout.part[1])
    for row in range(down):
        rows = min(layout.part[1], height - row * layout.part[1])
        planes = []
        for plane in range(layout.planes):
            first = (plane * down + row) * across
            parts = [
                _part(data, layout, first + column, rows, tables)[:rows] for column in range(across)
            ]
            joined = parts[0] if across == 1 else np.concatenate(parts, axis=1)
            planes.append(joined[:, :width])
        yield planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)


def _part(data: bytes, layout: Layout, index: int, rows: int, tables: bytes) -> Array:
    """The samples of one strip (of ``rows`` rows) or tile, [h, w, s]."""
    at, count = layout.offsets[index], layout.counts[index]
    height = layout.part[1] if layout.tiled else rows
    shape = (height, layout.part[0], layout.together)
    if layout.compression == 1 and not layout.mirrored:
        return _samples(memoryview(data)[at : at + count], layout, shape, _order(data))
    packed = data[at : at + count]
    if layout.compression in JPEGS:
        return jpeg(packed, tables, layout.photometric, shape)
    if layout.compression not in STREAMS:
        return picture(packed, layout.compression, shape, f"{layout.kind}{layout.bits // 8}")
    if layout.mirrored:
        packed = bytes(imagecodecs.bitorder_decode(packed))
    # A last strip may be packed with as many rows as the others have.
    plain = STREAMS[layout.compression](packed, part_bytes(layout, layout.part[1]))
    return _samples(plain, layout, shape, _order(data))


def _samples(
    plain: bytes | memoryview, layout: Layout, shape: tuple[int, int, int], order: str
) -> Array:
    if layout.subsampling != (1, 1):
        return join_subsampled(plain, shape[:2], *layout.subsampling)
    if layout.predictor == 3:
        order = "="  # Its bytes are sorted whatever the file's order is.
    return unpredict(unpack(plain, layout.bits, layout.kind, order, shape), layout.predictor)


def _order(data: bytes) -> str:
    """The byte order of the file, as struct and numpy write it."""
    return "<" if data[:2] == b"II" else ">"
