"""Renders what the backbones see of a field: its leukocytes, by the light they take.

Stain and lamp tell the slide, and on a set of few slides the slide tells the class. Three steps
take the slide out of the picture:

- Every channel becomes optical density, measured from the field's own background and divided by
  the density of its own darkest cells. What the whole field shares (the lamp's colour, white
  balance, how long it was stained) is gone; what differs within it (chromatin, cytoplasm, granules)
  stays.
- Everything that is no leukocyte becomes background: red cells and what lies between them say much
  about the smear and nothing about leukemia.
- The scale-bar corner is background too.

Measured with a linear head on frozen early features, benign against malignant on slides that were
left out: 0.60 balanced accuracy in colour, 0.76 in density, 0.82 in density with leukocytes alone
(InceptionV3 up to mixed2; DECISIONS.md says how, and what else was tried).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import smear_light
import smear_nuclei
from smear_frame import MASK_FROM
from smear_light import Light

FEATHER: Final = np.array([0.375, 1, 1, 1, 0.375]) / 3.75
"""Kept and blanked parts run into each other, so that no edge is drawn that the smear has not: by
boxes of 3.75 pixels, of which three make a Gaussian of 2 pixels. The released backbones were fitted
to fields that Pillow had feathered so."""

MASKED: Final = 128
"""What the scale-bar corner, ``[MASK_FROM:, MASK_FROM:]``, of a field in colours is filled with."""


def render(
    rgb: npt.NDArray[np.uint8], nuclei: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint8]:
    """Render a field as the backbones see it: uint8 [224, 224, 3] RGB -> uint8 [224, 224, 3].

    Of each channel 255 is background and 0 the field's darkest cells; between them the scale is
    linear in optical density. ``nuclei`` is the mask of them, where that is known already.
    """
    if nuclei is None:
        found = smear_nuclei.find(rgb)
        return show(found.light, found.around)
    return show(smear_light.measure(rgb), smear_nuclei.around(nuclei))


def show(light: Light, leukocytes: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Render as ``render`` does where the light and the nuclei with their rims are known."""
    kept = cv2.compare(leukocytes.view(np.uint8), 0, cv2.CMP_NE)
    for _ in range(3):
        kept = cv2.sepFilter2D(kept, -1, FEATHER, FEATHER, borderType=cv2.BORDER_REPLICATE)
    kept[MASK_FROM:, MASK_FROM:] = 0
    shown = cv2.merge([cv2.multiply(plane, kept, scale=1 / 255) for plane in light.taken])
    return np.asarray(cv2.bitwise_not(shown), np.uint8)
