"""Makes one answer of the backbones, and says when a pathologist has to look at it.

Pure functions on numpy arrays; training and evaluation import this same file. Everything that was
fitted to data stands in ``policy.json``, which ``Policy.load`` reads and checks.

- label: the majority over benign/malignant of the three argmaxes.
- subtype: the majority subtype among the winning side's votes, ties to the highest mean
  probability.
- probabilities: the mean of the three softmaxes, each scaled by its backbone's temperature.
- review: every reason that holds. Uncertain always means review. How sure an answer has to be and
  how unlike the known images a field may be depends on the label: a slide whose stain was never
  seen looks malignant to the backbones far more often than benign.

``all_cascade`` asks the third backbone only where two disagree on benign/malignant. With two equal
votes the third cannot change the label, so LABEL is that of three. The rest is what two can say:

- subtype: where both name the same one, that of three; where they name two malignant ones, the
  likelier, and ``disagreement`` is said, which the third might have taken away.
- probabilities, heat map: of the two.
- review: nobody is there to outvote or to average out one of the two, so each has to be sure alone:
  the lower probability counts and the higher energy, not their means. What only the third would
  have objected to is not known, and VOTES says ``not_run`` where it was not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from smear_heat import HEATMAP_SIDE, heatmap
from smear_ood import distance, energy, ood_score
from smear_policy import (
    BACKBONES,
    LABELS,
    POLICY_VERSION,
    QUALITY_FIELDS,
    QUANTILES,
    Appearance,
    Array,
    Limit,
    Policy,
    PolicyError,
)

__all__ = [
    "BACKBONES",
    "HEATMAP_SIDE",
    "NOT_RUN",
    "POLICY_VERSION",
    "QUALITY_FIELDS",
    "QUANTILES",
    "REVIEW_REASONS",
    "SUBTYPES",
    "Appearance",
    "BackboneError",
    "Decision",
    "Policy",
    "PolicyError",
    "decide",
    "decide_each",
    "distance",
    "energy",
    "heatmap",
    "ood_score",
    "softmax",
]

SUBTYPES: Final = ("benign", "early_pre_b", "pre_b", "pro_b")
BENIGN: Final = 0
NOT_RUN: Final = "not_run"
"""The vote of a backbone that was not asked."""

DISAGREEMENT: Final = "disagreement"
LOW_CONFIDENCE: Final = "low_confidence"
OUT_OF_DISTRIBUTION: Final = "out_of_distribution"
POOR_QUALITY: Final = "poor_quality"
NO_LEUKOCYTES: Final = "no_leukocytes"
FEW_LEUKOCYTES: Final = "few_leukocytes"
SCALE: Final = "scale"
FIRST_PAGE_ONLY: Final = "first_page_only"
REVIEW_REASONS: Final = (
    DISAGREEMENT,
    LOW_CONFIDENCE,
    OUT_OF_DISTRIBUTION,
    POOR_QUALITY,
    NO_LEUKOCYTES,
    FEW_LEUKOCYTES,
    SCALE,
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
    """float32 [3, 4], calibrated, in the order of BACKBONES; each row sums to 1, or is all 0 where
    the backbone was not asked."""
    votes: tuple[str, ...]
    """Three subtypes, in the order of BACKBONES; NOT_RUN where one was not asked."""
    review: tuple[str, ...]
    """Those of REVIEW_REASONS that hold, in that order."""
    ood_score: float
    """0..1: the share of the validation images that are nearer to known ones; see ``smear_ood``."""
    heatmap: Array
    """float32 [7, 7], 0..1: where the evidence for the subtype lies; max 1, or all 0. All 0 also
    where no class activation maps were given."""


def decide(
    logits: Array,
    cams: Sequence[Array],
    quality: Array,
    policy: Policy,
    ran: Sequence[str] = BACKBONES,
) -> Decision:
    """Combine what the backbones say about one image.

    Args:
        ran: which of BACKBONES were asked, in that order: all three, or two that agree on
            benign/malignant.
        logits: [len(ran), 4].
        cams: as many class activation maps [h, w, 4], or none for a caller who wants no heat map.
        quality: [19] in the order of QUALITY_FIELDS.

    Raises:
        BackboneError: a number is missing or not finite, or two disagree: such an image gets no
            label.
    """
    _check(logits, cams, quality, ran)
    at = [BACKBONES.index(name) for name in ran]
    complete = len(ran) == len(BACKBONES)
    logits = logits.astype(np.float64)
    each = softmax(logits / policy.temperature[at, None])
    mean = each.mean(axis=0)
    least, most = (mean, mean) if complete else (each.min(axis=0), each.max(axis=0))
    votes = logits.argmax(axis=1)
    malignant = bool(np.count_nonzero(votes != BENIGN) >= 2)
    winning = [int(vote) for vote in votes if (vote != BENIGN) == malignant]
    if len(winning) < 2:
        raise BackboneError(f"{' and '.join(ran)} disagree on the label; the third has to be asked")
    subtype = max(winning, key=lambda vote: (winning.count(vote), mean[vote]))
    label = LABELS[malignant]
    confidence = 1 - most[BENIGN] if malignant else least[BENIGN]
    ood = ood_score(logits, quality, policy)
    holds = {
        DISAGREEMENT: len(winning) < len(ran) or winning.count(subtype) < 2,
        LOW_CONFIDENCE: confidence < policy.confidence[label]
        or (malignant and least[subtype] < policy.subtype_confidence),
        OUT_OF_DISTRIBUTION: ood > policy.ood_review_above[label],
        POOR_QUALITY: _beyond(quality, policy.quality_limits),
        NO_LEUKOCYTES: _beyond(quality, policy.leukocyte_limits),
        FEW_LEUKOCYTES: _beyond(quality, policy.few_limits),
        # A size of 0 means that there was nothing to be measured.
        SCALE: _beyond(quality, [one for one in policy.scale_limits if quality[one.at] > 0]),
        FIRST_PAGE_ONLY: quality[0] > 1,
    }
    supporters = [cam for cam, vote in zip(cams, votes, strict=False) if vote == subtype]
    probabilities = np.zeros((len(BACKBONES), len(SUBTYPES)), dtype=np.float32)
    probabilities[at] = each
    subtypes = {name: SUBTYPES[vote] for name, vote in zip(ran, votes, strict=True)}
    return Decision(
        label=label,
        subtype=SUBTYPES[subtype],
        probabilities=mean.astype(np.float32),
        backbone_probabilities=probabilities,
        votes=tuple(subtypes.get(name, NOT_RUN) for name in BACKBONES),
        review=tuple(reason for reason in REVIEW_REASONS if holds[reason]),
        ood_score=ood,
        heatmap=heatmap([cam[..., subtype] for cam in supporters]),
    )


def decide_each(
    logits: Array | Sequence[Array],
    quality: Array,
    policies: Sequence[Policy],
    cams: Sequence[Array] = (),
    ran: Sequence[str] = BACKBONES,
) -> list[Decision]:
    """Decide on n images: logits [len(ran), n, 4], quality [n, 19], a policy for each image.

    ``cams`` are [n, h, w, 4] of each backbone; without them no heat map is made.
    """
    maps = zip(*cams, strict=True) if len(cams) else [()] * len(quality)
    images = zip(np.stack(logits, axis=1), maps, quality, policies, strict=True)
    return [decide(*one, ran) for one in images]


def _beyond(quality: Array, limits: Sequence[Limit]) -> bool:
    """Return whether any limited value lies outside its limits."""
    return any(not limit.low <= quality[limit.at] <= limit.high for limit in limits)


def _check(logits: Array, cams: Sequence[Array], quality: Array, ran: Sequence[str]) -> None:
    if len(ran) < 2 or [name for name in BACKBONES if name in ran] != list(ran):
        raise BackboneError(
            f"answers of {', '.join(ran) or 'no backbone'}; needed are two or all of "
            f"{', '.join(BACKBONES)}, in this order"
        )
    if logits.shape != (len(ran), len(SUBTYPES)):
        raise BackboneError(f"logits of shape {list(logits.shape)}, needed is [{len(ran)}, 4]")
    if len(cams) and (len(cams) != len(ran) or any(c.ndim != 3 or c.shape[2] != 4 for c in cams)):
        raise BackboneError(f"needed are {len(ran)} class activation maps of shape [h, w, 4]")
    if quality.shape != (len(QUALITY_FIELDS),):
        raise BackboneError(
            f"quality of shape {list(quality.shape)}, needed is [{len(QUALITY_FIELDS)}]"
        )
    for place, name in enumerate(ran):
        values = (logits[place], *cams[place : place + 1])
        if not all(np.isfinite(each).all() for each in values):
            raise BackboneError(f"{name} gave values that are not finite numbers")
    if not np.isfinite(quality).all():
        raise BackboneError("preprocess gave quality values that are not finite numbers")


def softmax(logits: Array) -> Array:
    """Return the softmax over the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Array = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities
