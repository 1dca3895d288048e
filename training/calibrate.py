"""Fits the numbers of the vote's policy on fields that no backbone was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from allclient.contract import BACKBONES, QUALITY_FIELDS
from training import metrics, serving

TEMPERATURES = (0.5, 10.0)
"""A few hundred validation fields of known slides cannot vouch for more certainty than 0.5."""

LOW_CONFIDENCE_BELOW = 0.9
OOD_REVIEW_ABOVE = 0.95
"""At 0.99 some healthy fields of other laboratories were called malignant without review."""

MARGIN = 0.5
"""How far a quality value may lie beyond those of all known fields, as a share of their range
(for values that only have a lower end: as a share of the lowest)."""

LEAST_MARGIN = 0.05
"""The same, at least, for values between 0 and 1: no known field has a black pixel."""


def temperature(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> float:
    """The temperature with the lowest negative log likelihood of logits [n, 4] on targets [n]."""
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log: metrics.nll(logits, targets, float(np.exp(log))),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))


def policy(
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
    known_quality: npt.NDArray[np.float32],
    val_quality: npt.NDArray[np.float32],
    fitted_on: dict[str, Any],
) -> dict[str, Any]:
    """A policy for ``majority.Policy``.

    Args:
        logits: [3, n, 4] of the backbones on the validation part.
        targets: [n], class indexes of the validation part.
        known_quality: [m, 12] of the training and validation parts: stain model and limits.
        val_quality: [n, 12] of the validation part: quantiles of the stain distance.
        fitted_on: provenance, stored as it is.
    """
    majority = serving.majority()
    stain = known_quality[:, majority.STAIN].astype(np.float64)
    mean = stain.mean(0)
    # Shrunk a little towards independent colours, so that no direction counts without measure.
    covariance = np.cov(stain.T)
    covariance = 0.95 * covariance + 0.05 * np.diag(np.diag(covariance)) + 1e-5 * np.eye(6)
    precision = np.linalg.inv(covariance)
    precision = (precision + precision.T) / 2
    energies = [majority.energy(each) for each in np.moveaxis(logits, 1, 0).astype(np.float64)]
    distances = [majority.stain_distance(each, mean, precision) for each in val_quality]
    return {
        "version": majority.POLICY_VERSION,
        "fitted_on": fitted_on,
        "temperature": {
            backbone.value: round(temperature(each, targets), 4)
            for backbone, each in zip(BACKBONES, logits, strict=True)
        },
        "low_confidence_below": LOW_CONFIDENCE_BELOW,
        "ood": {
            "review_above": OOD_REVIEW_ABOVE,
            "energy_quantiles": _quantiles(energies),
            "stain": {
                "mean": mean.round(6).tolist(),
                "precision": precision.round(4).tolist(),
                "distance_quantiles": _quantiles(distances),
            },
        },
        "quality": limits(known_quality),
    }


def limits(quality: npt.NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Limits of the quality fields that leave all known fields [m, 12] well inside."""
    lowest = dict(zip(QUALITY_FIELDS, quality.min(0).tolist(), strict=True))
    highest = dict(zip(QUALITY_FIELDS, quality.max(0).tolist(), strict=True))

    def margin(name: str) -> float:
        return max(LEAST_MARGIN, MARGIN * (highest[name] - lowest[name]))

    def above(name: str) -> float:
        """An upper limit for a share or mean between 0 and 1."""
        return round(min(1.0, highest[name] + margin(name)), 4)

    def below(name: str) -> float:
        return round(max(0.0, lowest[name] - margin(name)), 4)

    return {
        "sharpness": {"min": round(MARGIN * lowest["sharpness"], 4)},
        "brightness": {"min": below("brightness"), "max": above("brightness")},
        "contrast": {"min": round(MARGIN * lowest["contrast"], 4)},
        "clipped_dark": {"max": above("clipped_dark")},
        "clipped_bright": {"max": above("clipped_bright")},
    }


def _quantiles(values: list[float]) -> list[float]:
    shares = np.linspace(0, 1, serving.majority().QUANTILES)
    found = np.quantile(np.array(values, np.float64), shares)
    return np.maximum.accumulate(found.round(5)).tolist()
