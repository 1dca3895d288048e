"""Checks how the samples of a TIFF's picture lie in the file, before any of them is read."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from smear_error import check_size, corrupt, truncated, unsupported
from smear_tiff_codecs import PICTURES
from smear_tiff_samples import alpha_of, check_kind, subsampling_of, top_of
from tifffile import TiffPage

MAX_STRIPS: Final = 300_000
"""Strips or tiles; each costs some time and memory of its own."""

MAX_PART: Final = 600_000_000
"""Unpacked bytes of one strip or tile."""

MAX_PICTURE: Final = 40_000_000
"""Pixels of a JPEG 2000, JPEG XL or WebP that is one strip or tile; their decoders hold four bytes
a sample and more."""

_CODED: Final = 64 * 1024 * 1024


class Layout(NamedTuple):
    """How the samples of the page that is read lie in the file."""

    page: TiffPage
    alpha: int
    """0 without, 1 where colours are multiplied by it, 2 where they are not."""
    part: tuple[int, int]
    """Width and height of a strip or tile."""
    subsampling: tuple[int, int]
    top: int | None
    """The largest value where a tag says that samples use less than their bits."""
    offsets: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.page.imagewidth, self.page.imagelength

    @property
    def tiled(self) -> bool:
        """Whether the samples lie in tiles and not in strips."""
        return 322 in self.page.tags

    @property
    def planes(self) -> int:
        """The planes: 1 if the samples of a pixel lie together, else one for each sample."""
        return self.page.samplesperpixel if self.page.planarconfig == 2 else 1

    @property
    def together(self) -> int:
        """How many samples of a pixel lie together."""
        return self.page.samplesperpixel if self.page.planarconfig == 1 else 1

    def rows_of(self, index: int) -> int:
        """Return the picture's rows in a strip or tile; the last ones may have fewer."""
        across, down = (-(-side // part) for side, part in zip(self.size, self.part, strict=True))
        return min(self.part[1], self.size[1] - index // across % down * self.part[1])


def layout_of(page: TiffPage, slide: str | None, bits_said: int | None, size: int) -> Layout:
    """Return the layout of a page in a file of ``size`` bytes.

    Raises:
        ImageError: it is too large, lies outside of the file, or is of a kind that is not read.
    """
    width, height = page.imagewidth, page.imagelength
    check_size(width, height, what="a whole-slide image: it" if slide else "the image")
    check_kind(page)
    if 322 in page.tags:
        part = page.tags[322].value, page.tags.valueof(323, 0)
        if not all(0 < side <= 65_536 for side in part):
            raise corrupt("TIFF", "its tiles have an impossible size")
    else:
        part = width, page.rowsperstrip
        if part[1] < 1:
            raise corrupt("TIFF", "its strips have no rows")
    if page.imagedepth != 1 or page.tiledepth != 1:
        raise unsupported("a TIFF that is a block of several layers")
    layout = Layout(page, alpha_of(page), part, subsampling_of(page), top_of(page, bits_said))
    if page.compression in PICTURES and part[0] * part[1] > MAX_PICTURE:
        what = f"{PICTURES[page.compression].name} of more than {MAX_PICTURE / 1e6:.0f} megapixels"
        raise unsupported(f"{what} in one piece inside a TIFF")
    wide = part[0] * part[1] * layout.together * max(1, page.bitspersample // 8)
    if max(wide, part_bytes(layout, part[1])) > MAX_PART:
        raise unsupported("a TIFF whose strips or tiles take more than 600 megabytes each")
    return _with_parts(layout, size)


def part_bytes(layout: Layout, rows: int) -> int:
    """Return the unpacked bytes of a strip or tile of so many rows."""
    across, down = layout.subsampling
    width = layout.part[0]
    if (across, down) != (1, 1):
        return -(-rows // down) * -(-width // across) * (across * down + 2)
    return rows * -(-width * layout.together * layout.page.bitspersample // 8)


def _with_parts(layout: Layout, size: int) -> Layout:
    tags, page = layout.page.tags, layout.page
    needed = layout.planes * math.prod(
        -(-side // part) for side, part in zip(layout.size, layout.part, strict=True)
    )
    if needed > MAX_STRIPS:
        raise corrupt("TIFF", f"it has more than {MAX_STRIPS:,} strips or tiles")
    offsets, counts = tags.valueof(324, tags.valueof(273, ())), tags.valueof(325, tags.valueof(279))
    if not counts and page.compression == 1:
        # The oldest writers leave them out.
        rows = (layout.part[1] if layout.tiled else layout.rows_of(i) for i in range(needed))
        counts = tuple(part_bytes(layout, some) for some in rows)
    offsets, counts = offsets[:needed], (counts or ())[:needed]
    if len(offsets) < needed or len(counts) < needed:
        raise corrupt("TIFF", "it does not say where its strips or tiles lie")
    if any(start + count > size for start, count in zip(offsets, counts, strict=True)):
        raise truncated("TIFF", "before its last row")
    if min(counts) < 1 or min(offsets) < 1:
        raise corrupt("TIFF", "a strip or tile of it holds nothing")
    if page.compression != 1 and sum(counts) > max(4 * size, _CODED):
        raise corrupt("TIFF", "its strips or tiles lie over one another")
    return layout._replace(offsets=offsets, counts=counts)
