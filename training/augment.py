"""Random views of one field: position, size, stain, focus and compression.

Everything random is drawn from a generator keyed on (seed, epoch, index), so a run that was
killed and resumed sees the same images as one that was not. Colour is a shortcut on the public
set (it tells the slide, and the slide tells the class), so the stain jitter is strong on purpose.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

_GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Strength:
    """How far a view may go from the field; all zero with zoom (1, 1) gives plain crops."""

    zoom: tuple[float, float] = (0.7, 1.15)
    """Pixels of the view per pixel of the field."""
    stain_scale: float = 0.3
    """Spread of the optical density of each channel (a gamma per channel), natural log."""
    stain_shift: float = 0.12
    """Shift of the optical density of each channel (illumination and white balance)."""
    saturation: float = 0.4
    hue_degrees: float = 20.0
    untouched_colour: float = 0.15
    """Share of views that keep the colours they have."""
    blur: float = 0.25
    """Share of views that are blurred, sigma up to 1.2 pixels."""
    jpeg: float = 0.3
    """Share of views that are compressed once more, quality 40 to 90."""


def view(
    pixels: npt.NDArray[np.uint8], side: int, rng: np.random.Generator, strength: Strength
) -> npt.NDArray[np.uint8]:
    """A random view, uint8 [side, side, 3], of a field uint8 [height, width, 3].

    The view is turned by any angle and flipped; where it reaches beyond the field, the field is
    mirrored at its border.
    """
    image = _place(pixels, side, rng, strength)
    if rng.random() >= strength.untouched_colour:
        image = _stain(image, rng, strength)
    if rng.random() < strength.blur:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
    if rng.random() < strength.jpeg:
        image = _compress(image, int(rng.integers(40, 91)))
    return np.asarray(image)


def _place(
    pixels: npt.NDArray[np.uint8], side: int, rng: np.random.Generator, strength: Strength
) -> Image.Image:
    height, width = pixels.shape[:2]
    zoom = math.exp(rng.uniform(*np.log(strength.zoom)))
    # Half of the views stay on the pixel grid: sharp nuclear texture must be seen as served.
    angle = float(rng.integers(4)) * math.pi / 2
    if rng.random() < 0.5:
        angle = float(rng.uniform(0, 2 * math.pi))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    # The centre wanders as far as the view fits into the field.
    reach = side / zoom / 2
    room = np.maximum(np.array([width, height]) / 2 - reach, 0.04 * side)
    centre_x, centre_y = np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * room
    margin = min(math.ceil(reach * 1.5), min(height, width) - 1)
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    half = side / 2
    a, b, d, e = flip * cos, -sin, flip * sin, cos
    c = centre_x + margin - a * half - b * half
    f = centre_y + margin - d * half - e * half
    return Image.fromarray(padded).transform(
        (side, side), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )


def _stain(image: Image.Image, rng: np.random.Generator, strength: Strength) -> Image.Image:
    """Saturation and hue by one colour matrix, then optical density by one table per channel."""
    saturation = 1 + rng.uniform(-strength.saturation, strength.saturation)
    turn = math.radians(rng.uniform(-strength.hue_degrees, strength.hue_degrees))
    matrix = _saturate(saturation) @ _turn_hue(turn)
    rows = np.column_stack([matrix, np.zeros(3)]).ravel()
    image = image.convert("RGB", tuple(float(value) for value in rows))
    scale = np.exp(rng.uniform(-strength.stain_scale, strength.stain_scale, 3))
    shift = rng.uniform(-strength.stain_shift, strength.stain_shift, 3)
    density = -np.log((np.arange(256) + 1) / 256)
    table = 256 * np.exp(-(density[None] * scale[:, None] + shift[:, None])) - 1
    return image.point(np.clip(np.rint(table), 0, 255).astype(int).ravel().tolist())


def _saturate(amount: float) -> npt.NDArray[np.float64]:
    return amount * np.eye(3) + (1 - amount) * np.tile(_GREY, (3, 1))


def _turn_hue(angle: float) -> npt.NDArray[np.float64]:
    """Rotation about the grey axis (Rodrigues), so that grey stays grey."""
    axis = np.ones(3) / math.sqrt(3)
    cross = np.cross(np.eye(3), axis)
    return (
        math.cos(angle) * np.eye(3)
        + math.sin(angle) * cross
        + (1 - math.cos(angle)) * np.outer(axis, axis)
    )


def _compress(image: Image.Image, quality: int) -> Image.Image:
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return Image.open(encoded).convert("RGB")
