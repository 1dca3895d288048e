"""Fits limits of the quality values: beyond them a field is poor, or holds no leukocyte."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from allclient.contract import QUALITY_FIELDS

MARGIN = 0.5
"""How far a quality value may lie beyond those of all known fields, as a share of their range
(for values that only have a lower end: as a share of the lowest)."""

MIN_MARGIN = 0.05
"""The least margin, for values between 0 and 1: no known field has a black pixel."""

RARE = 0.005
"""A limit inside the range of known fields lies by the quantile of this share of them."""

EDGE_MARGIN = 0.9
"""Rims of nuclei may be this much less steep than at that quantile."""

NUCLEI_MARGIN = 1 / 3
"""Nuclei may be rarer, or less purple, than at that quantile by this factor."""

SIZE_MARGIN = 0.1
"""Red cells may be this much smaller or larger than at that quantile of either end."""

FEWEST = 3
"""Leukocytes that an answer rests on at least, touching ones counted as one.

Smears of other laboratories choose it, since known fields with one leukocyte are read well. Of 73
healthy fields of other laboratories confidence alone would let 21 of the 44 with one leukocyte pass
as malignant, 7 of the 22 with two, and none of the 7 with more.
"""

Limits = dict[str, dict[str, float]]


def quality(known: npt.NDArray[np.float32]) -> Limits:
    """Return limits that leave nearly all known fields' quality [m, Q] inside, most of it well."""
    lowest = dict(zip(QUALITY_FIELDS, known.min(0).tolist(), strict=True))
    highest = dict(zip(QUALITY_FIELDS, known.max(0).tolist(), strict=True))

    def margin(name: str) -> float:
        return float(max(MIN_MARGIN, MARGIN * (highest[name] - lowest[name])))

    def above(name: str) -> float:
        """Return an upper limit for a share or mean between 0 and 1."""
        return float(round(min(1.0, highest[name] + margin(name)), 4))

    def below(name: str) -> float:
        return float(round(max(0.0, lowest[name] - margin(name)), 4))

    return {
        "sharpness": {"min": round(MARGIN * lowest["sharpness"], 4)},
        "brightness": {"min": below("brightness"), "max": above("brightness")},
        "contrast": {"min": round(MARGIN * lowest["contrast"], 4)},
        "clipped_dark": {"max": above("clipped_dark")},
        "clipped_bright": {"max": above("clipped_bright")},
        "nuclei_edge": {"min": round(EDGE_MARGIN * _rare(known, "nuclei_edge"), 4)},
    }


def leukocytes(known: npt.NDArray[np.float32]) -> Limits:
    """Return what a field needs for an answer: enough that is dark, not coloured as red cells.

    Every known field holds leukocytes, so a third of what the poorest have is little enough.
    """
    return {
        name: {"min": round(NUCLEI_MARGIN * _rare(known, name), 5)}
        for name in ("nuclei_share", "nuclei_purple")
    }


def few() -> Limits:
    """How many leukocytes an answer needs."""
    return {"leukocytes": {"min": FEWEST}}


def scale(known: npt.NDArray[np.float32]) -> Limits:
    """How large red cells may be: as those of nearly all known fields, with a margin."""
    sizes = known[:, QUALITY_FIELDS.index("red_cell_size")].astype(np.float64)
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return {}
    low, high = np.quantile(sizes, [RARE, 1 - RARE])
    return {
        "red_cell_size": {
            "min": round(float(low) * (1 - SIZE_MARGIN), 2),
            "max": round(float(high) * (1 + SIZE_MARGIN), 2),
        }
    }


def _rare(known: npt.NDArray[np.float32], name: str) -> float:
    return float(np.quantile(known[:, QUALITY_FIELDS.index(name)].astype(np.float64), RARE))
