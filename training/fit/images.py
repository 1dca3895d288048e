"""Holds the images of a fold in memory: in colour for views, and as served to validate on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SIDE
from toolkit import served
from training.augment.random_view import Render
from training.data import samples as dataset
from training.data.samples import DatasetError, Sample
from training.fit.batches import Images


def render() -> Render:
    """Return what turns a field in colour into what the backbones see: uint8 [224, 224, 3] both."""
    return served.pixels.render


def in_colour(samples: Sequence[Sample], *, nuclei: bool) -> Images:
    """Return the fields as they are before ``render``, for training.

    Args:
        nuclei: also find the nuclei, for views that are cut around them.

    Raises:
        DatasetError: an image that the server would refuse; the message names it.
    """
    pixels = _rgb(samples)
    masks = None
    if nuclei:
        find = served.smear_nuclei.mask
        masks = np.stack([find(each) for each in pixels])
    return Images(pixels, samples, masks)


def rendered(samples: Sequence[Sample]) -> Images:
    """Return fields as the backbones see them, with their nuclei, for views of equal colours."""
    in_colours = in_colour(samples, nuclei=True)
    assert in_colours.nuclei is not None
    draw = served.pixels.render
    seen = [
        draw(field, nuclei)
        for field, nuclei in zip(in_colours.pixels, in_colours.nuclei, strict=True)
    ]
    return Images(np.stack(seen), samples, in_colours.nuclei)


def as_served(samples: Sequence[Sample]) -> Images:
    """Return the fields as the backbones see them, for validation.

    Raises the errors of ``in_colour``.
    """
    return Images(dataset.decode(samples)[0], samples)


def _rgb(samples: Sequence[Sample]) -> npt.NDArray[Any]:
    pixels = np.empty((len(samples), SIDE, SIDE, 3), np.uint8)
    for index, sample in enumerate(samples):
        try:
            pixels[index] = served.pixels.rgb(sample.path.read_bytes())
        except served.pixels.ImageError as error:
            raise DatasetError(f"{sample.path}: {error}") from error
    return pixels
