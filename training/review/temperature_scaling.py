"""Fits temperatures: what a backbone's logits are divided by for its probabilities to be meant.

Temperature scaling after C. Guo and others, On Calibration of Modern Neural Networks, 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from training.metrics import calibration, classification

TEMPERATURES = (0.5, 10.0)
"""A few hundred validation fields of known slides cannot vouch for more certainty than 0.5."""

CROSS_FITS = 5


def temperature(logits: npt.NDArray[np.floating[Any]], targets: npt.NDArray[np.int64]) -> float:
    """Return the temperature with the lowest negative log likelihood.

    It is fitted on logits [n, 4] and targets [n].
    """
    low, high = np.log(TEMPERATURES)
    minimum = minimize_scalar(
        lambda log: classification.nll(logits, targets, float(np.exp(log))),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(minimum.x))


def cross_fitted_ece(
    logits: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.int64],
    groups: npt.NDArray[np.str_],
) -> float:
    """Return ECE of the mean's label on fields whose group had no part in the temperatures.

    Args:
        logits: [3, n, 4].
        groups: [n]; whole groups are put into one of CROSS_FITS parts each.
    """
    names, place = np.unique(groups, return_inverse=True)
    parts = np.random.default_rng(0).permutation(np.arange(len(names)) % CROSS_FITS)[place]
    probabilities = np.empty(logits.shape[1:])
    for part in np.unique(parts):
        held, rest = parts == part, parts != part
        fit = rest if rest.any() else held
        each = [
            classification.softmax(own[held], temperature(own[fit], targets[fit])) for own in logits
        ]
        probabilities[held] = np.mean(each, axis=0)
    answers = probabilities.argmax(1)
    right = (answers == classification.BENIGN) == (targets == classification.BENIGN)
    bins = calibration.equal_width(calibration.confidence(probabilities, answers), right)
    return float(calibration.ece(bins.columns().sum(0)))
