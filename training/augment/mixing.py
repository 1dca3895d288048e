"""Lends a view parts of another training field."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from training.augment.field import Rgb

_COARSE = 56
"""Side of the copy that low frequencies are taken from; 3 cycles are 19 pixels each there."""

_CYCLES = 3
"""Highest frequency that is mixed, cycles per field. More paints ghosts of the other's cells."""


class Donors:
    """The fields that others may borrow from: any slide but their own, every slide as likely."""

    def __init__(self, pixels: npt.NDArray[np.uint8], slides: Sequence[str]) -> None:
        """Keep pixels uint8 [n, 224, 224, 3], without a copy, and the slide of each.

        Raises:
            ValueError: not one slide name for each field.
        """
        if len(pixels) != len(slides):
            raise ValueError(f"{len(slides)} slide names were given for {len(pixels)} fields")
        self._pixels = pixels
        self._slides = list(slides)
        self._places = {
            slide: np.flatnonzero(np.array(self._slides) == slide) for slide in sorted(set(slides))
        }

    def other(self, index: int, rng: np.random.Generator) -> Rgb:
        """Return a random field of another slide than field ``index``.

        If there is no other slide, it is one of the same.
        """
        others = [slide for slide in self._places if slide != self._slides[index]]
        slide = others[rng.integers(len(others))] if others else self._slides[index]
        donor: Rgb = self._pixels[rng.choice(self._places[slide])]
        return donor


def low_frequencies(pixels: Rgb, donor: Rgb, rng: np.random.Generator) -> Rgb:
    """Return the field with the slow changes of light and colour of ``donor``; uint8 [h, w, 3].

    Amplitudes of the lowest spatial frequencies move towards the donor's, phases stay (Y. Yang,
    S. Soatto, FDA: Fourier domain adaptation for semantic segmentation, 2020). Only low ones
    change, so the change is worked out on a coarse copy and added to the field.
    """
    cycles = int(rng.integers(0, _CYCLES + 1))
    share = rng.uniform(0.3, 1)
    own_spectrum, donor_spectrum = (
        np.fft.rfft2(_coarse(image), axes=(0, 1)) for image in (pixels, donor)
    )
    low = (slice(None, cycles + 1), slice(-cycles, None)) if cycles else (slice(1),)
    change = np.zeros_like(own_spectrum)
    for rows in low:
        part = np.s_[rows, : cycles + 1]
        amplitude = np.maximum(np.abs(own_spectrum[part]), 1e-6)
        change[part] = own_spectrum[part] * share * (np.abs(donor_spectrum[part]) / amplitude - 1)
    added = np.fft.irfft2(change, (_COARSE, _COARSE), axes=(0, 1)).astype(np.float32)
    height, width = pixels.shape[:2]
    whole = cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(pixels, whole, dtype=cv2.CV_8U), np.uint8)


def _coarse(image: Rgb) -> npt.NDArray[np.uint8]:
    coarse = cv2.resize(image, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse, np.uint8)
