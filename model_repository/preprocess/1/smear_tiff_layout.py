"""How the samples of a TIFF's picture lie in the file, checked before any of them is read."""

from __future__ import annotations

from typing import Final, NamedTuple

from smear_error import check_size, corrupt, truncated, unsupported
from smear_tiff_codecs import JPEGS, NAMES, PICTURES, STREAMS
from smear_tiff_directory import Directory

MAX_STRIPS: Final = 300_000
"""Strips or tiles; each costs some time and memory of its own."""

MAX_PART: Final = 600_000_000
"""Unpacked bytes of one strip or tile."""

MAX_PICTURE: Final = 40_000_000
"""Pixels of a JPEG 2000, JPEG XL or WebP that is one strip or tile; their decoders hold four bytes
a sample and more."""

_CODED: Final = 64 * 1024 * 1024

GREY: Final = (0, 1)
RGB: Final = 2
PALETTE: Final = 3
CMYK: Final = 5
YCBCR: Final = 6
LAB: Final = 8
_COLOURS: Final = {0: 1, 1: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3}
"""Samples a pixel without extra ones, for the photometric interpretations that are read."""
_OTHER_COLOURS: Final = {
    4: "a transparency mask",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32844: "SGI LogL samples",
    32845: "SGI LogLuv colours",
}


class Layout(NamedTuple):
    """Of one directory."""

    width: int
    height: int
    bits: int
    kind: str
    """u, i or f as in numpy: unsigned, signed or floating point."""
    samples: int
    photometric: int
    alpha: int
    """0 without, 1 where colours are multiplied by it, 2 where they are not."""
    planes: int
    """1 where the samples of a pixel lie together, else as many as there are samples."""
    compression: int
    predictor: int
    mirrored: bool
    """Whether the bits of every byte are in reverse order."""
    subsampling: tuple[int, int]
    part: tuple[int, int]
    """Width and height of a strip or tile."""
    tiled: bool
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    top: int | None
    """The largest value where a tag says that samples use less than their bits."""

    @property
    def together(self) -> int:
        """Samples of a pixel that lie together."""
        return self.samples if self.planes == 1 else 1


def layout_of(directory: Directory, slide: str | None, bits_said: int | None) -> Layout:
    """Raises ImageError for what is too large, out of the file's bounds, or not read."""
    width, height = directory.number(256, 0), directory.number(257, 0)
    check_size(width, height, what="a whole-slide image: it" if slide else "the image")
    samples = directory.number(277, 1)
    bits, kind = _sample_type(directory, samples)
    photometric = _photometric(directory, samples, bits, kind)
    alpha = _alpha(directory, samples, photometric)
    planes = samples if directory.number(284, 1) == 2 and samples > 1 else 1
    tiled = 322 in directory and 324 in directory
    if tiled:
        part = directory.number(322, 0), directory.number(323, 0)
        if not all(0 < side <= 65_536 for side in part):
            raise corrupt("TIFF", "its tiles have an impossible size")
    else:
        part = width, min(max(directory.number(278, height), 1), height)
    if directory.number(32997, 1) > 1:
        raise unsupported("a TIFF that is a block of several layers")
    found = Layout(
        width=width,
        height=height,
        bits=bits,
        kind=kind,
        samples=samples,
        photometric=photometric,
        alpha=alpha,
        planes=planes,
        compression=_compression(directory, bits, samples),
        predictor=_predictor(directory, bits, kind),
        mirrored=directory.number(266, 1) == 2,
        subsampling=_subsampling(directory, photometric),
        part=part,
        tiled=tiled,
        offsets=(),
        counts=(),
        top=_top(directory, bits, kind, bits_said),
    )
    if found.compression in PICTURES and part[0] * part[1] > MAX_PICTURE:
        what = f"{PICTURES[found.compression].name} of more than {MAX_PICTURE / 1e6:.0f} megapixels"
        raise unsupported(f"{what} in one piece inside a TIFF")
    if part_bytes(found, part[1]) > MAX_PART:
        raise unsupported("a TIFF whose strips or tiles take more than 600 megabytes each")
    return _with_parts(found, directory)


def part_bytes(layout: Layout, rows: int) -> int:
    """Unpacked bytes of a strip or tile of so many rows."""
    across, down = layout.subsampling
    width = layout.part[0]
    if (across, down) != (1, 1):
        return -(-rows // down) * -(-width // across) * (across * down + 2)
    return rows * -(-width * layout.together * layout.bits // 8)


def _with_parts(layout: Layout, directory: Directory) -> Layout:
    across = -(-layout.width // layout.part[0])
    down = -(-layout.height // layout.part[1])
    needed = across * down * layout.planes
    if needed > MAX_STRIPS:
        raise corrupt("TIFF", f"it has more than {MAX_STRIPS:,} strips or tiles")
    at, lengths = (324, 325) if layout.tiled else (273, 279)
    offsets, counts = directory.numbers(at), directory.numbers(lengths)
    if not counts and layout.compression == 1 and offsets:
        rows = [min(layout.part[1], layout.height - top * layout.part[1]) for top in range(down)]
        counts = tuple(
            part_bytes(layout, layout.part[1] if layout.tiled else row)
            for _ in range(layout.planes)
            for row in rows
            for _ in range(across)
        )
    if len(offsets) < needed or len(counts) < needed:
        raise corrupt("TIFF", "it does not say where its strips or tiles lie")
    offsets, counts = offsets[:needed], counts[:needed]
    size = len(directory.data)
    if any(start + count > size for start, count in zip(offsets, counts, strict=True)):
        raise truncated("TIFF", "before its last row")
    if min(counts) < 1 or min(offsets) < 1:
        raise corrupt("TIFF", "a strip or tile of it holds nothing")
    if layout.compression != 1 and sum(counts) > max(4 * size, _CODED):
        raise corrupt("TIFF", "its strips or tiles lie over one another")
    return layout._replace(offsets=offsets, counts=counts)


def _sample_type(directory: Directory, samples: int) -> tuple[int, str]:
    if not 1 <= samples <= 8:
        raise unsupported(f"a TIFF with {samples} samples a pixel")
    bits = directory.numbers(258, (1,))[:samples]
    kinds = directory.numbers(339, (1,))[:samples]
    if len(set(bits)) > 1 or len(set(kinds)) > 1:
        raise unsupported("a TIFF whose samples are not all of one type")
    size, kind = int(bits[0]), {1: "u", 2: "i", 3: "f", 4: "u"}.get(int(kinds[0]), "c")
    if kind == "c":
        raise unsupported("a TIFF with complex numbers")
    if kind == "f":
        if size != 32 or samples > 1:
            raise unsupported(
                "a TIFF with floating-point colours"
                if samples > 1
                else f"a TIFF with {size}-bit floating-point samples"
            )
    elif size > 16:
        raise unsupported(f"a TIFF with {size}-bit samples, which have no agreed range,")
    elif size < 1 or (kind == "i" and size not in (8, 16)):
        raise unsupported(f"a TIFF with {'signed ' * (kind == 'i')}samples of {size} bits")
    elif samples > 1 and size not in (8, 16):
        raise unsupported(f"a TIFF with {size} bits a sample in colour")
    return size, kind


def _photometric(directory: Directory, samples: int, bits: int, kind: str) -> int:
    if 262 not in directory:
        raise unsupported("a TIFF that does not say what its samples mean")
    photometric = directory.number(262, 1)
    if photometric in _OTHER_COLOURS:
        raise unsupported(f"a TIFF with {_OTHER_COLOURS[photometric]}")
    if photometric not in _COLOURS:
        raise unsupported("a TIFF with an unusual kind of colours")
    if samples < _COLOURS[photometric]:
        raise corrupt("TIFF", "it has fewer samples a pixel than its colours need")
    if photometric == PALETTE and (bits > 8 or kind != "u" or samples > 1):
        raise unsupported("a TIFF with a palette of more than 8 bits")
    if photometric == CMYK and directory.number(332, 1) != 1:
        raise unsupported("a TIFF with inks other than CMYK")
    if photometric in (LAB, YCBCR) and (bits != 8 or kind != "u" or samples != 3):
        raise unsupported("a TIFF with L*a*b* or YCbCr colours of other than 8 bits")
    return photometric


def _alpha(directory: Directory, samples: int, photometric: int) -> int:
    """Extra samples of another meaning are left out beside RGB and CMYK; beside grey they may be
    colours or channels of a fluorescence picture."""
    extra = samples - _COLOURS[photometric]
    if not extra:
        return 0
    meanings = directory.numbers(338)
    alpha = int(meanings[0]) if meanings else 0
    if photometric in GREY:
        if extra > 1 or alpha not in (1, 2):
            raise unsupported(f"a grey TIFF with {samples} samples a pixel")
        return alpha
    if photometric == CMYK and alpha:
        raise unsupported("a TIFF with CMYK colours and transparency")
    return alpha if alpha in (1, 2) else 0


def _compression(directory: Directory, bits: int, samples: int) -> int:
    compression = directory.number(259, 1)
    if not (compression in STREAMS or compression in PICTURES or compression in JPEGS):
        name = NAMES.get(compression, f"an unusual compression (number {compression})")
        raise unsupported(f"{name} inside a TIFF")
    if compression in JPEGS and (bits != 8 or samples > 4):
        raise unsupported(f"JPEG of {bits} bits a sample inside a TIFF")
    if compression not in STREAMS and bits not in (8, 16):
        raise unsupported(f"a packed picture of {bits} bits a sample inside a TIFF")
    return compression


def _predictor(directory: Directory, bits: int, kind: str) -> int:
    predictor = directory.number(317, 1)
    if directory.number(259, 1) not in STREAMS:
        return 1
    fits = {1: True, 2: bits in (8, 16) and kind != "f", 3: kind == "f"}
    if not fits.get(predictor):
        raise unsupported("a TIFF with an unusual predictor")
    return predictor


def _subsampling(directory: Directory, photometric: int) -> tuple[int, int]:
    """Of YCbCr colours in byte streams; JPEG says so itself."""
    if photometric != YCBCR or directory.number(259, 1) not in STREAMS:
        return 1, 1
    found = directory.numbers(530)
    if len(found) < 2 or not all(int(side) in (1, 2, 4) for side in found[:2]):
        raise unsupported("a TIFF with YCbCr colours that does not say how they lie")
    across, down = int(found[0]), int(found[1])
    if directory.number(284, 1) == 2 or directory.number(317, 1) != 1:
        raise unsupported("a TIFF with YCbCr colours in separate planes or with a predictor")
    return across, down


def _top(directory: Directory, bits: int, kind: str, bits_said: int | None) -> int | None:
    """4095 for 12 bits in 16, where a tag says so; other values are of the content, not of the
    type, and say nothing."""
    if bits != 16 or kind != "u":
        return None
    said = [2**bits_said - 1] if bits_said else []
    said += [int(value) for tag in (341, 281) for value in directory.numbers(tag)[:1]]
    return next((top for top in said if top in {2**n - 1 for n in range(9, 16)}), None)
