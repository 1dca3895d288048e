"""Draws the heat map as a layer of colour that lies over a picture."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from allclient.view.style import HEAT

_MIN_ALPHA, _MAX_ALPHA = 0.10, 0.55
_BYTE: Final = 255


def layer(heatmap: npt.NDArray[np.float32], side: int = 28) -> Image.Image:
    """Return RGBA, ``side`` pixels square: the stronger, the yellower and less transparent."""
    values = Image.fromarray(heatmap).resize((side, side), Image.Resampling.BICUBIC)
    return Image.fromarray(_coloured(np.asarray(values).clip(0, 1)))


def scale(width: int, height: int) -> Image.Image:
    """Return RGB with the colours from 0, at the left, to 1."""
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return Image.fromarray(_coloured(values)[..., :3])


def _coloured(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    at = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(values, at, [colour[index] for colour in HEAT]) for index in range(3)]
    alpha = (_MIN_ALPHA + (_MAX_ALPHA - _MIN_ALPHA) * values) * _BYTE
    return np.asarray(np.stack([*channels, alpha], axis=-1).round(), np.uint8)
