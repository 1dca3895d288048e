"""Puts a policy together from its fitted parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES
from toolkit import served
from training.review import appearance, quality_limits, temperature_scaling
from training.review.evidence import Rows
from training.review.thresholds import Thresholds

Policy = dict[str, Any]


def policy(
    val: Rows,
    train_quality: npt.NDArray[np.float32],
    train_slides: npt.NDArray[np.str_],
    thresholds: Thresholds | None = None,
) -> Policy:
    """Return a policy as ``policy.json`` holds it, without where it comes from.

    Args:
        val: held-out fields of known slides, for temperatures and the scale of the OOD score.
        train_quality: [m, Q] of the training part, for appearance and, with val's, limits.
        train_slides: [m].
    """
    chosen = thresholds or Thresholds()
    known, whitening = appearance.fit(train_quality, train_slides)
    both = np.concatenate([train_quality, val.quality])
    by_field = np.moveaxis(val.logits, 1, 0).astype(float)
    fitted: Policy = {
        "version": served.majority.POLICY_VERSION,
        "fitted_on": {},
        "temperature": {
            backbone.value: round(temperature_scaling.temperature(each, val.targets), 4)
            for backbone, each in zip(BACKBONES, val.logits, strict=True)
        },
        "confidence": dict(chosen.confidence),
        "ood": {
            "review_above": dict(chosen.review_above),
            "energy_quantiles": _quantiles([served.majority.energy(each) for each in by_field]),
            "look": appearance.as_json(known, whitening, [0.0] * served.majority.QUANTILES),
        },
        "leukocytes": quality_limits.leukocytes(both),
        "quality": quality_limits.quality(both),
        "few": quality_limits.few(),
    }
    if limits := quality_limits.scale(both):
        fitted["scale"] = limits
    known_appearance = served.majority.Policy.from_dict(fitted).appearance
    fitted["ood"]["look"]["quantiles"] = _quantiles(
        [served.majority.distance(each, known_appearance) for each in val.quality]
    )
    return fitted


def with_thresholds(fitted: Policy, chosen: Thresholds) -> Policy:
    """Return the same policy with other thresholds."""
    ood = {**fitted["ood"], "review_above": dict(chosen.review_above)}
    return {**fitted, "confidence": dict(chosen.confidence), "ood": ood}


def loaded(fitted: Policy) -> Any:
    """Return the policy as the server loads it.

    Raises:
        PolicyError: the server would not load it.
    """
    return served.majority.Policy.from_dict(fitted)


def _quantiles(values: list[float]) -> list[float]:
    shares = np.linspace(0, 1, served.majority.QUANTILES)
    quantiles = np.quantile(np.array(values, np.float64), shares)
    rising: list[float] = np.maximum.accumulate(quantiles.round(4)).tolist()
    return rising
