"""How three backbones come to one answer, and when a pathologist has to look at it.

Pure functions on numpy arrays; training and evaluation import this same file. Everything that was
fitted to data stands in ``policy.json``, which ``Policy.load`` reads and checks.

- label: the majority over benign/malignant of the three argmaxes.
- subtype: the majority subtype among the winning side's votes, ties to the highest mean
  probability.
- probabilities: the mean of the three softmaxes, each scaled by its backbone's temperature.
- review: every reason that holds. Uncertain always means review. How sure an answer has to be and
  how strange its image may be depends on the label: a slide whose stain was never seen looks
  malignant to the networks far more often than benign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from smear_doubt import distance, energy, ood_score
from smear_heat import HEATMAP_SIDE, heatmap
from smear_policy import (
    BACKBONES,
    LABELS,
    POLICY_VERSION,
    QUALITY_FIELDS,
    QUANTILES,
    Array,
    Limit,
    Look,
    Policy,
    PolicyError,
)

__all__ = [
    "BACKBONES",
    "HEATMAP_SIDE",
    "POLICY_VERSION",
    "QUALITY_FIELDS",
    "QUANTILES",
    "REVIEW_REASONS",
    "SUBTYPES",
    "BackboneError",
    "Decision",
    "Look",
    "Policy",
    "PolicyError",
    "decide",
    "distance",
    "energy",
    "heatmap",
    "ood_score",
    "softmax",
]

SUBTYPES: Final = ("benign", "early_pre_b", "pre_b", "pro_b")
BENIGN: Final = 0

DISAGREEMENT: Final = "disagreement"
LOW_CONFIDENCE: Final = "low_confidence"
OUT_OF_DISTRIBUTION: Final = "out_of_distribution"
POOR_QUALITY: Final = "poor_quality"
NO_LEUKOCYTES: Final = "no_leukocytes"
FIRST_PAGE_ONLY: Final = "first_page_only"
REVIEW_REASONS: Final = (
    DISAGREEMENT,
    LOW_CONFIDENCE,
    OUT_OF_DISTRIBUTION,
    POOR_QUALITY,
    NO_LEUKOCYTES,
    FIRST_PAGE_ONLY,
)


class BackboneError(ValueError):
    """What the backbones gave is not a set of finite numbers of the right shape."""


class Decision(NamedTuple):
    """The ensemble's answer for one image."""

    label: str
    subtype: str
    probabilities: Array
    """float32 [4], calibrated, in the order of SUBTYPES, sum 1."""
    backbone_probabilities: Array
    """float32 [3, 4], calibrated, in the order of BACKBONES; each row sums to 1."""
    votes: tuple[str, ...]
    """Three subtypes, in the order of BACKBONES."""
    review: tuple[str, ...]
    """Those of REVIEW_REASONS that hold, in that order."""
    ood_score: float
    """0..1: the share of the validation images that are less strange; see ``smear_doubt``."""
    heatmap: Array
    """float32 [7, 7], 0..1: where the evidence for the subtype lies; max 1, or all 0."""


def decide(logits: Array, cams: Sequence[Array], quality: Array, policy: Policy) -> Decision:
    """Combine what the three backbones say about one image.

    logits: [3, 4]; cams: three class activation maps [h, w, 4]; quality: [18] in the order of
    QUALITY_FIELDS. Raises BackboneError where a number is missing or not finite: such an image
    gets no label.
    """
    _check(logits, cams, quality)
    logits = logits.astype(np.float64)
    each = softmax(logits / policy.temperature[:, None])
    mean = each.mean(axis=0)
    votes = logits.argmax(axis=1)
    malignant = bool(np.count_nonzero(votes != BENIGN) >= 2)
    winning = [int(vote) for vote in votes if (vote != BENIGN) == malignant]
    subtype = max(winning, key=lambda vote: (winning.count(vote), mean[vote]))
    label = LABELS[malignant]
    confidence = 1 - mean[BENIGN] if malignant else mean[BENIGN]
    strangeness = ood_score(logits, quality, policy)
    holds = {
        DISAGREEMENT: len(winning) < 3 or winning.count(subtype) < 2,
        LOW_CONFIDENCE: confidence < policy.confidence[label]
        or (malignant and mean[subtype] < policy.subtype_confidence),
        OUT_OF_DISTRIBUTION: strangeness > policy.ood_review_above[label],
        POOR_QUALITY: _beyond(quality, policy.quality_limits),
        NO_LEUKOCYTES: _beyond(quality, policy.leukocyte_limits),
        FIRST_PAGE_ONLY: quality[0] > 1,
    }
    supporters = [cam for cam, vote in zip(cams, votes, strict=True) if vote == subtype]
    return Decision(
        label=label,
        subtype=SUBTYPES[subtype],
        probabilities=mean.astype(np.float32),
        backbone_probabilities=each.astype(np.float32),
        votes=tuple(SUBTYPES[vote] for vote in votes),
        review=tuple(reason for reason in REVIEW_REASONS if holds[reason]),
        ood_score=strangeness,
        heatmap=heatmap([cam[..., subtype] for cam in supporters]),
    )


def _beyond(quality: Array, limits: Sequence[Limit]) -> bool:
    """Whether any limited value lies outside its limits."""
    return any(not limit.low <= quality[limit.at] <= limit.high for limit in limits)


def _check(logits: Array, cams: Sequence[Array], quality: Array) -> None:
    if logits.shape != (len(BACKBONES), len(SUBTYPES)):
        raise BackboneError(f"logits of shape {list(logits.shape)}, needed is [3, 4]")
    if len(cams) != len(BACKBONES) or any(c.ndim != 3 or c.shape[2] != 4 for c in cams):
        raise BackboneError("needed are three class activation maps of shape [h, w, 4]")
    if quality.shape != (len(QUALITY_FIELDS),):
        raise BackboneError(
            f"quality of shape {list(quality.shape)}, needed is [{len(QUALITY_FIELDS)}]"
        )
    for name, row, cam in zip(BACKBONES, logits, cams, strict=True):
        if not (np.isfinite(row).all() and np.isfinite(cam).all()):
            raise BackboneError(f"{name} gave values that are not finite numbers")
    if not np.isfinite(quality).all():
        raise BackboneError("preprocess gave quality values that are not finite numbers")


def softmax(logits: Array) -> Array:
    """Over the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Array = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities
