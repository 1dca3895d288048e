"""Reads the first page of a TIFF with tifffile, strip by strip or tile by tile.

What tifffile would leave out, fill in or take for granted is refused before or after it is asked.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import Image
from smear_damage import spoilt
from smear_error import truncated, unsupported
from smear_page import Array, FirstPage, Picture, regroup
from smear_scale import of_tiff
from smear_tiff_bounds import chain, check
from smear_tiff_codecs import CHECKED, JPEGS, STREAMS, check_stream, jpeg, picture
from smear_tiff_colour import Colours, join_subsampled
from smear_tiff_kinds import Stack, refuse_raw, slide_of, stack
from smear_tiff_layout import Layout, layout_of, part_bytes
from smear_tiff_samples import GREY
from tifffile import TIFF, TiffFile, TiffFileError, TiffPage

# What it would say of a file's content is either refused here or of no account.
tifffile.logger().setLevel(logging.CRITICAL + 1)


class _Found(NamedTuple):
    """What is known of a file before any pixel is read."""

    layouts: list[Layout]
    """The layout of the page, or of three pages that are red, green and blue."""
    colours: Colours
    pictures: Stack
    orientation: object
    profile: object
    um_per_pixel: float


def read(data: bytes) -> FirstPage:
    """Return the picture; raise ImageError, and whatever a decoder raises for broken data."""
    source = _find(data)
    layouts = source.layouts

    def bands(rows: int) -> Iterator[Image.Image]:
        planes = [regroup(_rows(data, one), rows) for one in layouts]
        for parts in zip(*planes, strict=True):
            images = [source.colours.image(part) for part in parts]
            yield images[0] if len(images) == 1 else Image.merge("RGB", images)

    return FirstPage(
        Picture(layouts[0].size, bands),
        pages=source.pictures.pages,
        extent=layouts[0].size,
        orientation=source.orientation if source.orientation in range(1, 9) else 1,  # type: ignore[arg-type]
        profile=source.profile if isinstance(source.profile, bytes) else None,
        suspect=any(_is_suspect(data, one) for one in layouts),
        unchecked=layouts[0].page.compression not in CHECKED,
        um_per_pixel=source.um_per_pixel,
    )


def _find(data: bytes) -> _Found:
    directories = chain(data)
    with _opened(data, directories.first) as file:

        def page_at(at: int) -> TiffPage:
            check(data, at)
            file.filehandle.seek(at)
            return TiffPage(file, index=0)

        page = file.pages.first
        refuse_raw(data, page, page_at)
        if not directories.pages:
            raise unsupported("a TIFF that holds only a thumbnail or a mask")
        if directories.pages[0] != directories.first:
            page = page_at(directories.pages[0])
        slide = slide_of(page, directories)
        pictures = stack(page, directories, slide)
        pages = [page]
        if pictures.colours:
            pages = [page_at(directories.pages[at]) for at in pictures.colours]
        layouts = [layout_of(one, slide, pictures.bits, len(data)) for one in pages]
        if pictures.colours and (
            len({(one.page.shaped, one.page.dtype, one.top) for one in layouts}) > 1
            or any(one.page.photometric not in GREY for one in layouts)
            or len({one.page.photometric for one in layouts}) > 1
        ):
            raise unsupported("an OME-TIFF whose red, green and blue are not alike")
        tags = page.tags
        return _Found(
            layouts,
            Colours(layouts[0]),
            pictures,
            tags.valueof(274, 1),
            tags.valueof(34675),
            of_tiff(page),
        )


@contextmanager
def _opened(data: bytes, first: int) -> Iterator[TiffFile]:
    """Open the file in tifffile, and close it so that it does not hold on to the bytes.

    Kinds for which tifffile would read every directory at once are switched off.
    """
    check(data, first)
    with (
        io.BytesIO(data) as stream,
        TiffFile(stream, is_lsm=False, is_ndpi=False, is_scanimage=False) as file,
    ):
        yield file


def _is_suspect(data: bytes, layout: Layout) -> bool:
    bits = layout.page.bitspersample
    if layout.page.compression != 1 or bits not in (8, 16):
        return False
    each = len(layout.offsets) // layout.planes
    parts = [(at, at + count) for at, count in zip(layout.offsets, layout.counts, strict=True)]
    planes = (parts[first : first + each] for first in range(0, len(parts), each))
    step = layout.together if bits == 8 else 0
    return any(spoilt(data, plane, step) for plane in planes)


def _rows(data: bytes, layout: Layout) -> Iterator[Array]:
    """Yield the samples from top to bottom for each row of strips or tiles.

    They are [rows, width, samples].
    """
    width, height = layout.size
    across, down = -(-width // layout.part[0]), -(-height // layout.part[1])
    for row in range(down):
        rows = layout.rows_of(row * across)
        planes = []
        for plane in range(layout.planes):
            first = (plane * down + row) * across
            parts = [_part(data, layout, first + column)[:rows] for column in range(across)]
            joined = parts[0] if across == 1 else np.concatenate(parts, axis=1)
            planes.append(joined[:, :width])
        yield planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)


def _part(data: bytes, layout: Layout, index: int) -> Array:
    """Return the samples of one strip or tile, [h, w, s]."""
    page, at = layout.page, layout.offsets[index]
    height = layout.part[1] if layout.tiled else layout.rows_of(index)
    shape = (height, layout.part[0], layout.together)
    last = height < layout.part[1]
    stored = memoryview(data)[at : at + layout.counts[index]]
    if (page.compression, page.fillorder, page.predictor, layout.subsampling) == _PLAIN:
        return _decoded(page, stored, index, shape, last)
    packed = bytes(stored)  # A copy: tifffile undoes a predictor in the very bytes it is given.
    if page.compression in JPEGS:
        return jpeg(packed, page.jpegtables or b"", page.photometric, shape)
    if page.compression not in STREAMS:
        return picture(packed, page.compression, shape, page.dtype)
    limit = part_bytes(layout, layout.part[1])
    coded = bytes(imagecodecs.bitorder_decode(packed)) if page.fillorder == 2 else packed
    check_stream(coded, page.compression, limit)
    if page.compression != 1 and (page.bitspersample % 8 or layout.subsampling != (1, 1)):
        # tifffile would have room for a whole byte a sample, and take more than there should be.
        coded = bytes(TIFF.DECOMPRESSORS[page.compression](coded, out=limit))
    if layout.subsampling != (1, 1):
        return join_subsampled(coded, shape[:2], *layout.subsampling)
    return _decoded(page, packed, index, shape, last)


_PLAIN = (1, 1, 1, (1, 1))


def _decoded(
    page: TiffPage, packed: bytes | memoryview, index: int, shape: tuple[int, int, int], last: bool
) -> Array:
    try:
        part, _, _ = page.decode(packed, index)
    except TiffFileError:
        raise truncated("TIFF", "before its last row") from None
    except Exception:
        if not last:
            raise
        # A last strip may be packed with as many rows as the others have.
        part, _, _ = page.decode(packed, 0)
    samples: Array = np.asarray(part)[0]
    if samples.shape[1:] != shape[1:] or len(samples) < shape[0]:
        raise truncated("TIFF", "before its last row")
    return samples.view(np.uint8) if samples.dtype == bool else samples
