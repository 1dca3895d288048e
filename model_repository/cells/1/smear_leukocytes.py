"""Makes the rows of CELLS: every leukocyte of a field, its box and what the backbones say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import smear_evidence
import smear_part

BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
BENIGN: Final = 0
CELL_FIELDS: Final = (
    "x",
    "y",
    "width",
    "height",
    "probability_benign",
    "probability_early_pre_b",
    "probability_pre_b",
    "probability_pro_b",
    "area_share",
    "agreement",
)

Rows = npt.NDArray[np.float32]


class CellsError(ValueError):
    """A backbone gave no finite maps, so nothing can be said of a cell."""


def rows(
    pixels: npt.NDArray[np.uint8],
    nuclei: npt.NDArray[np.uint8],
    cams: Mapping[str, npt.NDArray[np.floating[Any]]],
    temperature: Mapping[str, float],
) -> Rows:
    """Return float32 [n, 10] in the order of CELL_FIELDS, for the n leukocytes of one field.

    pixels: uint8 [224, 224, 3], as the backbones saw it; nuclei: its mask as ``numpy.packbits``
    packs it; cams: [k, k, 4] by the names of the backbones that ran. Raises CellsError.
    """
    if not cams:
        raise CellsError("cells need the class activation map of at least one backbone")
    for name, cam in cams.items():
        if not np.isfinite(cam).all():
            raise CellsError(f"{name} gave values that are not finite numbers")
    height, width = pixels.shape[:2]
    boxes, owner = smear_part.part_packed(nuclei, height, width)
    count = len(boxes)
    if not count:
        return np.zeros((0, len(CELL_FIELDS)), np.float32)
    shown = smear_evidence.seen(pixels)
    evidence = [smear_evidence.of_cells(cam, owner, shown, count) for cam in cams.values()]
    each = np.stack(
        [_softmax(one.logits / temperature[name]) for name, one in zip(cams, evidence, strict=True)]
    )
    saw = np.stack([one.areas > 0 for one in evidence])
    saw[:, ~saw.any(axis=0)] = True
    weights = saw / saw.sum(axis=0)
    mean = (each * weights[..., None]).sum(axis=0)
    malignant = mean.argmax(axis=1) != BENIGN
    agreement = (((each.argmax(axis=2) != BENIGN) == malignant) * weights).sum(axis=0)
    areas = np.bincount(owner[shown], minlength=count)
    shares = boxes / [width, height, width, height]
    columns = [shares, mean, areas[:, None] / max(1, areas.sum()), agreement[:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)


def filled_up(fields: list[Rows]) -> Rows:
    """Return the rows of several fields as one array [fields, n, k], ended by zeros."""
    whole = np.zeros((len(fields), max(map(len, fields)), fields[0].shape[1]), np.float32)
    for field, cells in zip(whole, fields, strict=True):
        field[: len(cells)] = cells
    return whole


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
