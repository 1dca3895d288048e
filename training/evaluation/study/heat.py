"""Compares heat inside nuclei with chance: do class activation maps light up leukocytes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from training.evaluation.predictions import AREA, HEAT
from training.evaluation.study.aligned import Aligned
from training.metrics import intervals


def figures(aligned: Aligned) -> dict[str, Any]:
    """Return CAMS of one protocol, by backbone."""
    return {
        name: _backbone(aligned, table, votes)
        for name, table, votes in zip(
            aligned.backbones, aligned.nuclei_heat, aligned.votes, strict=True
        )
    }


def _backbone(
    aligned: Aligned, table: npt.NDArray[np.float32], votes: npt.NDArray[np.int64]
) -> dict[str, Any]:
    measured = np.asarray(~np.isnan(table).any(1))
    apart = (table[:, HEAT] - table[:, AREA])[measured]
    interval = None
    if measured.any():
        draws = intervals.resample(aligned.groups[measured], aligned.targets[measured])
        interval = draws.interval(draws.means(apart))
    return {
        **_means(table, measured),
        "intervals": {"heat_less_area": interval},
        "classes": {
            subtype.value: _means(table[votes == index], measured[votes == index])
            for index, subtype in enumerate(SUBTYPES)
        },
    }


def _means(
    table: npt.NDArray[np.float32], measured: npt.NDArray[np.bool_]
) -> Mapping[str, float | int | None]:
    means: dict[str, float | int | None] = {
        "images": int(measured.sum()),
        "not_measured": int((~measured).sum()),
    }
    if not measured.any():
        return means | dict.fromkeys(("heat", "area", "ratio", "pointing"))
    heat, area, pointing = (float(each) for each in table[measured].mean(0, dtype=np.float64))
    return means | {"heat": heat, "area": area, "ratio": heat / area, "pointing": pointing}
