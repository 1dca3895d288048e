"""Takes the cells away from a field, or everything but the cells."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from toolkit import served
from training.evaluation.probes.field import Rgb, to_bytes

RIM = 4
"""Nuclei are painted over with so many pixels around them: their soft edges, and in blasts most
of the narrow cytoplasm."""

FEATHER = 1.2
"""Standard deviation, in pixels, of the transition between old and new."""


def blank(field: Rgb, rng: np.random.Generator, fill: str) -> Rgb:
    """Return the field with its nuclei painted over.

    ``fill`` is "background" or "red_cells" for random pixels of these, so that colour and grain
    fit, or "inpainted" to continue what is around each nucleus (A. Telea, 2004).
    """
    nuclei = served.smear_nuclei.find(field)
    cover = grow(nuclei.mask, RIM)
    if fill == "inpainted":
        filled = cv2.inpaint(field, cover.astype(np.uint8), 5, cv2.INPAINT_TELEA)
        return np.asarray(filled, np.uint8)
    others = ~nuclei.cells if fill == "background" else nuclei.cells & ~cover
    return _blend(field, _grain(field, others, rng), cover)


def only_nuclei(field: Rgb, rng: np.random.Generator) -> Rgb:
    """Return the nuclei, with a rim, alone on the field's background."""
    nuclei = served.smear_nuclei.find(field)
    return _blend(field, _grain(field, ~nuclei.cells, rng), ~grow(nuclei.mask, RIM))


def swap_background(field: Rgb, donor: Rgb) -> Rgb:
    """Return the field's cells before the background colour of another slide."""
    find = served.smear_nuclei.find
    background = ~find(field).cells
    own_colour = np.median(field[background], axis=0) if background.any() else np.full(3, 255.0)
    others = ~find(donor).cells
    donor_colour = np.median(donor[others], axis=0) if others.any() else np.full(3, 255.0)
    return _blend(field, to_bytes(field * (donor_colour / np.maximum(own_colour, 1))), background)


def grow(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    """Return the mask grown by so many pixels in every direction."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def _grain(field: Rgb, source: npt.NDArray[np.bool_], rng: np.random.Generator) -> Rgb:
    """Return whole fields of random pixels of ``source``, smoothed to the grain of a picture."""
    pool = field[source] if source.any() else field.reshape(-1, 3)
    # The middle half alone: what else is among the source (dirt, edges) would look like cells.
    grey = pool.astype(int).sum(1)
    low, high = np.quantile(grey, [0.25, 0.75])
    pool = pool[(grey >= low) & (grey <= high)]
    drawn = pool[rng.integers(len(pool), size=field.shape[:2])]
    grain: Rgb = cv2.GaussianBlur(drawn, (0, 0), FEATHER)
    return grain


def _blend(field: Rgb, other: Rgb, where: npt.NDArray[np.bool_]) -> Rgb:
    share = cv2.GaussianBlur(where.astype(np.float32), (0, 0), FEATHER)[..., None]
    return to_bytes(field * (1 - share) + other * share)
