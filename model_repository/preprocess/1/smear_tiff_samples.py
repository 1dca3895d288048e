"""Says what the samples of a TIFF's page mean: which kinds are read, and what is refused."""

from __future__ import annotations

from typing import Final

import numpy as np
from smear_error import corrupt, unsupported
from smear_tiff_codecs import JPEGS, NAMES, PICTURES, STREAMS
from tifffile import TiffPage

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
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


def check_kind(page: TiffPage) -> None:
    """Check that samples, colours and coding are of a kind that is read.

    Raises:
        ImageError: they are not.
    """
    _check_samples(page)
    _check_colours(page)
    _check_coding(page)


def _check_samples(page: TiffPage) -> None:
    samples, bits, kind = page.samplesperpixel, page.bitspersample, page.sampleformat
    if not 1 <= samples <= 8:
        raise unsupported(f"a TIFF with {samples} samples a pixel")
    if isinstance(bits, tuple) or isinstance(kind, tuple):
        raise unsupported("a TIFF whose samples are not all of one type")
    if kind not in (UNSIGNED, SIGNED, FLOAT):
        raise unsupported("a TIFF with complex numbers")
    _check_bits(bits, kind, is_colour=page.photometric not in (*GREY, PALETTE))
    if page.planarconfig not in (1, 2):
        raise corrupt("TIFF", "its samples lie in no known order")


def _check_bits(bits: int, kind: int, *, is_colour: bool) -> None:
    if kind == FLOAT:
        if is_colour:
            raise unsupported("a TIFF with floating-point colours")
        if bits not in (16, 32):
            raise unsupported(f"a TIFF with {bits}-bit floating-point samples")
    elif bits > 16:
        raise unsupported(f"a TIFF with {bits}-bit samples, which have no agreed range,")
    elif bits < 1 or (kind == SIGNED and bits not in (8, 16)):
        raise unsupported(f"a TIFF with {'signed ' * (kind == SIGNED)}samples of {bits} bits")
    elif is_colour and bits not in (8, 16):
        raise unsupported(f"a TIFF with colours of {bits} bits a sample")


def _check_colours(page: TiffPage) -> None:
    photometric, samples = page.photometric, page.samplesperpixel
    if 262 not in page.tags:
        raise unsupported("a TIFF that does not say what its samples mean")
    if photometric in _OTHER_COLOURS:
        raise unsupported(f"a TIFF with {_OTHER_COLOURS[photometric]}")
    if photometric not in _COLOURS:
        raise unsupported("a TIFF with an unusual kind of colours")
    if samples < _COLOURS[photometric]:
        raise corrupt("TIFF", "it has fewer samples a pixel than its colours need")
    is_plain = page.sampleformat == UNSIGNED
    if photometric == PALETTE and (page.bitspersample > 8 or not is_plain or samples > 1):
        raise unsupported("a TIFF with a palette of more than 8 bits")
    if photometric == CMYK and page.tags.valueof(332, 1) != 1:
        raise unsupported("a TIFF with inks other than CMYK")
    if photometric in (LAB, YCBCR) and (page.bitspersample, is_plain, samples) != (8, True, 3):
        raise unsupported("a TIFF with L*a*b* or YCbCr colours of other than 8 bits")


def alpha_of(page: TiffPage) -> int:
    """Return where transparency is among the samples.

    Extra samples of another meaning are left out beside RGB and CMYK. Beside grey they may be
    colours or channels of a fluorescence picture.
    """
    extra = page.samplesperpixel - _COLOURS[page.photometric]
    if not extra:
        return 0
    alpha = int(page.extrasamples[0]) if page.extrasamples else 0
    if page.photometric in GREY:
        if extra > 1 or alpha not in (1, 2):
            raise unsupported(f"a grey TIFF with {page.samplesperpixel} samples a pixel")
        return alpha
    if page.photometric == CMYK and alpha:
        raise unsupported("a TIFF with CMYK colours and transparency")
    return alpha if alpha in (1, 2) else 0


def _check_coding(page: TiffPage) -> None:
    compression, bits = int(page.compression), page.bitspersample
    if not (compression in STREAMS or compression in PICTURES or compression in JPEGS):
        name = NAMES.get(compression, f"an unusual compression (number {compression})")
        raise unsupported(f"{name} inside a TIFF")
    if compression in JPEGS and (bits != 8 or page.samplesperpixel > 4):
        raise unsupported(f"JPEG of {bits} bits a sample inside a TIFF")
    if compression not in STREAMS:
        if bits not in (8, 16):
            raise unsupported(f"a packed picture of {bits} bits a sample inside a TIFF")
        return
    is_float = page.sampleformat == FLOAT
    fits = {1: True, 2: bits in (8, 16) and not is_float, 3: is_float}
    if not fits.get(page.predictor):
        raise unsupported("a TIFF with an unusual predictor")


def subsampling_of(page: TiffPage) -> tuple[int, int]:
    """Return the subsampling of YCbCr colours in byte streams; JPEG says so itself."""
    if page.photometric != YCBCR or page.compression not in STREAMS:
        return 1, 1
    subsampling = page.subsampling or ()
    if len(subsampling) < 2 or not all(side in (1, 2, 4) for side in subsampling[:2]):
        raise unsupported("a TIFF with YCbCr colours that does not say how they lie")
    if page.planarconfig == 2 or page.predictor != 1:
        raise unsupported("a TIFF with YCbCr colours in separate planes or with a predictor")
    return int(subsampling[0]), int(subsampling[1])


def top_of(page: TiffPage, bits_said: int | None) -> int | None:
    """Return the largest value of the samples: 4095 for 12 bits in 16, if a tag says so.

    Other values are of the content, not of the type, and say nothing.
    """
    if page.bitspersample != 16 or page.sampleformat != UNSIGNED:
        return None
    tops = [2**bits_said - 1] if bits_said else []
    for tag in (341, 281):
        tops += [int(value) for value in numbers(page, tag)[:1]]
    return next((top for top in tops if top in {2**n - 1 for n in range(9, 16)}), None)


def numbers(page: TiffPage, code: int) -> tuple[float, ...]:
    """Return the numbers of a tag that may have any type; none where it is not there."""
    tag = page.tags.get(code)
    if tag is None:
        return ()
    values = np.atleast_1d(np.asarray(tag.value, float))
    if tag.dtype not in (5, 10):
        return tuple(values)
    below = values[1::2]
    return tuple(np.divide(values[::2], below, out=np.zeros_like(below), where=below != 0))
