"""Makes random views of one field: another stain, lamp, camera and place for the same cells.

Everything random is drawn from a generator keyed on (seed, epoch, index), so a run that was
killed and resumed sees the same images as one that was not. Colour is a shortcut on the public
set (it tells the slide, and the slide tells the class), so colours go far on purpose.

The order is that of nature: specimen, lamp, optics, sensor, bar, file; then what serving does, the
masked corner and ``render``; then the cut. So ``render`` sees a whole upright field, as it does in
serving, and measures background and range on all of it, and a small view is a part of what the
backbones would see of that field. It costs colour on the whole field for a view of a quarter of it;
``training/augment`` is fast enough for that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from training.augment import bars, camera, field, geometry
from training.augment.colour import Partner, recolour
from training.augment.config import PLAIN, AugmentConfig
from training.augment.field import Rgb

__all__ = ["PLAIN", "AugmentConfig", "Partner", "Render", "appearance", "pair", "view"]

Render = Callable[[Rgb], Rgb]
"""What the backbones see of a field: uint8 [224, 224, 3] RGB -> uint8 [224, 224, 3]."""


def view(
    pixels: Rgb,
    side: int,
    rng: np.random.Generator,
    config: AugmentConfig,
    *,
    partner: Partner | None = None,
    render: Render | None = None,
    nuclei: npt.NDArray[np.bool_] | None = None,
) -> Rgb:
    """Return a random view, uint8 [side, side, 3], of a field uint8 [224, 224, 3] in RGB.

    The corner of the field is masked. The view is turned by any angle and flipped; where it reaches
    beyond the field, the field is mirrored at its border.

    Args:
        partner: draws another training field, for stain transfer and Fourier mixing; without it
            the two are left out. ``lambda rng: donors.other(index, rng)`` with ``mixing.Donors``.
        render: applied to the whole field after its colours were changed, before the cut.
        nuclei: bool [224, 224], where nuclei are; without it views are cut anywhere.

    Raises:
        ValueError: ``pixels`` is no field.
    """
    field.check(pixels)
    place = geometry.draw(pixels, side, rng, config, nuclei)
    return geometry.cut(_seen(pixels, rng, config, partner, render), place)


def pair(
    pixels: Rgb,
    side: int,
    rng: np.random.Generator,
    config: AugmentConfig,
    *,
    partner: Partner | None = None,
    render: Render | None = None,
    nuclei: npt.NDArray[np.bool_] | None = None,
) -> tuple[Rgb, Rgb]:
    """Return two views of the same cut with different stains, for a loss that wants equal answers.

    The first equals ``view`` with the same generator; arguments and errors are those of ``view``.
    """
    field.check(pixels)
    place = geometry.draw(pixels, side, rng, config, nuclei)
    first, second = (_seen(pixels, rng, config, partner, render) for _ in range(2))
    return geometry.cut(first, place), geometry.cut(second, place)


def appearance(
    pixels: Rgb, rng: np.random.Generator, config: AugmentConfig, partner: Partner | None = None
) -> Rgb:
    """Return the whole field, upright, as another laboratory might have delivered it."""
    seen = pixels
    if rng.random() >= config.untouched_colour:
        seen = recolour(seen, rng, config, partner)
    seen = camera.focus(seen, rng, config)
    seen = camera.noise(seen, rng, config)
    seen = bars.paint(seen, rng, config)
    seen = camera.compress(seen, rng, config)
    return field.keep_corner(seen.copy() if seen is pixels else seen, pixels)


def _seen(
    pixels: Rgb,
    rng: np.random.Generator,
    config: AugmentConfig,
    partner: Partner | None,
    render: Render | None,
) -> Rgb:
    seen = appearance(pixels, rng, config, partner)
    return seen if render is None else render(seen)
