"""Draws files for the memory measurement: smears of every format, 6 kB to 15 MB, some broken.

The same seed draws the same files.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from samples import render

FORMATS: Final = ("JPEG", "PNG", "BMP", "TIFF")
HEIGHTS: Final = (120, 180, 240, 360)
"""Heights of the small files, in pixels."""

MAX_HEIGHT: Final = 1930
"""Height of the largest files, in pixels: 15 MB without compression."""

OPTIONS: Final[dict[str, list[dict[str, Any]]]] = {
    "JPEG": [{"quality": 100}, {"quality": 97, "progressive": True}],
    "PNG": [{"compress_level": 1}],
    "BMP": [{}],
    "TIFF": [
        {"compression": None},
        {"compression": "tiff_lzw"},
        {"compression": "tiff_adobe_deflate"},
    ],
}
"""How large files are saved, in turns."""

NOISE: Final = 3.0
"""Standard deviation of a camera's noise in grey levels: without it large files would be small."""


class Files(NamedTuple):
    """Encoded files, small and large."""

    small: list[bytes]
    large: list[bytes]


def draw(seed: int = 1, large: int = 24) -> Files:
    """Draw small files of every format and height, one in six broken, and ``large`` large ones.

    The large ones have up to 15 MB, no two of them the same size: equal ones would fit into the
    gaps that they leave in a server's memory.
    """
    return Files([*_small(seed), *_broken(seed)], list(_large(seed, large)))


def _small(seed: int) -> list[bytes]:
    files = []
    for number, height in enumerate(HEIGHTS):
        drawn = render.images(count=8, seed=seed + number, height=height)
        files += [
            render.encode(one.image, format) for one, format in zip(drawn, FORMATS * 2, strict=True)
        ]
    return files


def _broken(seed: int) -> list[bytes]:
    """Return the files without an answer: cut, of another kind, or too large by their header."""
    whole = [render.encoded(count=1, seed=seed, format=format)[0] for format in FORMATS]
    rest = render.awkward_files()
    return [
        *(data[: len(data) * 6 // 10] for data in whole),
        rest["text.png"],
        rest["30000x30000.png"],
    ]


def _large(seed: int, count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    drawn = next(render.images(count=1, seed=seed, height=480)).image
    size = (MAX_HEIGHT * drawn.width // drawn.height, MAX_HEIGHT)
    pixels = np.asarray(drawn.resize(size, Image.Resampling.BICUBIC), np.float32)
    noisy = pixels + rng.standard_normal(pixels.shape, np.float32) * NOISE
    field = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    turns = itertools.cycle(FORMATS)
    options = {format: itertools.cycle(choices) for format, choices in OPTIONS.items()}
    heights = rng.integers(MAX_HEIGHT // 2, MAX_HEIGHT, count)
    heights[2:3] = MAX_HEIGHT  # a BMP
    for height, format in zip(heights, turns, strict=False):
        part = field.crop((0, 0, int(height) * field.width // field.height, int(height)))
        yield render.encode(part, format, **next(options[format]))
