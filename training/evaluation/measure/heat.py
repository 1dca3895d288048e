"""Measures where the activation map of an answer lies: inside nuclei or elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from toolkit import served


def measure(cam: npt.NDArray[np.float32], nuclei: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Return one row of ``Predictions.nuclei_heat`` for the map [h, w] of the answered class.

    Heat is what the served heatmap takes for evidence (``smear_heat.evidence``), enlarged
    bilinearly to the nuclei's [224, 224]. Heat spread evenly over the field would have the share
    that is the area.
    """
    high, wide = nuclei.shape
    evidence = served.smear_heat.evidence(np.asarray(cam))
    heat = cv2.resize(evidence, (wide, high), interpolation=cv2.INTER_LINEAR)
    total = float(heat.sum())
    if total <= 0 or not nuclei.any():
        return (np.nan, np.nan, np.nan)
    hottest = np.unravel_index(int(heat.argmax()), heat.shape)
    return (float(heat[nuclei].sum()) / total, float(nuclei.mean()), float(nuclei[hottest]))
