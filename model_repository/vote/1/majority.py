"""How three backbones come to one answer, and when a pathologist has to look at it.

Pure functions on numpy arrays; training and evaluation import this same file. Everything that was
fitted to data stands in ``policy.json``, which ``Policy.load`` reads and checks.

- label: the majority over benign/malignant of the three argmaxes.
- subtype: the majority subtype among the winning side's votes, ties to the highest mean
  probability.
- probabilities: the mean of the three softmaxes, each scaled by its backbone's temperature.
- review: every reason that holds. Uncertain always means review.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

POLICY_VERSION: Final = 1
SUBTYPES: Final = ("benign", "early_pre_b", "pre_b", "pro_b")
BENIGN: Final = 0
BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
QUALITY_FIELDS: Final = (
    "pages",
    "sharpness",
    "brightness",
    "contrast",
    "clipped_dark",
    "clipped_bright",
    "background_red",
    "background_green",
    "background_blue",
    "cells_red",
    "cells_green",
    "cells_blue",
)
STAIN: Final = slice(6, 12)
"""Where the six stain colours stand among the quality fields."""

HEATMAP_SIDE: Final = 7
QUANTILES: Final = 101

DISAGREEMENT: Final = "disagreement"
LOW_CONFIDENCE: Final = "low_confidence"
OUT_OF_DISTRIBUTION: Final = "out_of_distribution"
POOR_QUALITY: Final = "poor_quality"
FIRST_PAGE_ONLY: Final = "first_page_only"
REVIEW_REASONS: Final = (
    DISAGREEMENT,
    LOW_CONFIDENCE,
    OUT_OF_DISTRIBUTION,
    POOR_QUALITY,
    FIRST_PAGE_ONLY,
)

Array = npt.NDArray[np.floating[Any]]


class PolicyError(ValueError):
    """A policy file that is missing, broken or of another version; the message says where."""


class BackboneError(ValueError):
    """What the backbones gave is not a set of finite numbers of the right shape."""


@dataclass(frozen=True)
class Policy:
    """Temperatures and thresholds, fitted on the validation part; see ``policy.json``."""

    temperature: Array
    """[3], in the order of BACKBONES."""
    low_confidence_below: float
    ood_review_above: float
    energy_quantiles: Array
    """[101], of the validation part, rising."""
    stain_mean: Array
    """[6]."""
    stain_precision: Array
    """[6, 6], the inverse covariance."""
    distance_quantiles: Array
    """[101], of the validation part, rising."""
    quality_limits: tuple[tuple[int, float, float], ...]
    """Position in QUALITY_FIELDS, smallest and largest value that needs no review."""

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read and check a policy file. Raises PolicyError naming the file and the place in it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise PolicyError(f"{path}: the policy file is missing; training writes it") from None
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"{path}: the policy cannot be read: {error}") from error
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise PolicyError(f"{path}: the policy is not JSON: {error}") from error
        except PolicyError as error:
            raise PolicyError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, policy: object) -> Policy:
        """Check a parsed policy. Raises PolicyError naming the place in it."""
        version = policy.get("version") if isinstance(policy, dict) else None
        if version != POLICY_VERSION:
            raise PolicyError(f"the policy has version {version!r}, needed is {POLICY_VERSION}")
        names = ("version", "fitted_on", "temperature", "low_confidence_below", "ood", "quality")
        top = _fields(policy, "the policy", names)
        temperature = _fields(top["temperature"], "temperature", BACKBONES)
        ood = _fields(top["ood"], "ood", ("review_above", "energy_quantiles", "stain"))
        stain = _fields(ood["stain"], "ood.stain", ("mean", "precision", "distance_quantiles"))
        precision = _numbers(stain["precision"], "ood.stain.precision", (6, 6))
        if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision)[0] < 0:
            raise PolicyError("ood.stain.precision is not the inverse of a covariance")
        return cls(
            temperature=np.array(
                [
                    _number(temperature[name], f"temperature.{name}", low=1e-3, high=1e3)
                    for name in BACKBONES
                ]
            ),
            low_confidence_below=_number(top["low_confidence_below"], "low_confidence_below"),
            ood_review_above=_number(ood["review_above"], "ood.review_above"),
            energy_quantiles=_quantiles(ood["energy_quantiles"], "ood.energy_quantiles"),
            stain_mean=_numbers(stain["mean"], "ood.stain.mean", (6,)),
            stain_precision=precision,
            distance_quantiles=_quantiles(
                stain["distance_quantiles"], "ood.stain.distance_quantiles"
            ),
            quality_limits=_limits(top["quality"]),
        )


def _fields(value: object, place: str, names: Sequence[str]) -> dict[str, Any]:
    """An object with exactly these fields: a mistyped one must not switch a check off unseen."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise PolicyError(f"{place} must have exactly the fields {', '.join(names)}")
    return value


def _number(value: object, place: str, *, low: float = 0.0, high: float = 1.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PolicyError(f"{place} must be a number from {low} to {high}, found {value!r}")
    return float(value)


def _numbers(value: object, place: str, shape: tuple[int, ...]) -> Array:
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise PolicyError(f"{place} must be finite numbers of shape {list(shape)}")
    return numbers


def _quantiles(value: object, place: str) -> Array:
    quantiles = _numbers(value, place, (QUANTILES,))
    if (np.diff(quantiles) < 0).any():
        raise PolicyError(f"{place} must rise")
    return quantiles


def _limits(value: object) -> tuple[tuple[int, float, float], ...]:
    if not isinstance(value, dict) or not set(value) <= set(QUALITY_FIELDS[1:]):
        raise PolicyError(f"quality may limit only {', '.join(QUALITY_FIELDS[1:])}")
    limits = []
    for name, bounds in value.items():
        if not isinstance(bounds, dict) or not bounds or not set(bounds) <= {"min", "max"}:
            raise PolicyError(f"quality.{name} must have min, max or both")
        low, high = (
            _number(bounds.get(end, other), f"quality.{name}.{end}", low=-math.inf, high=math.inf)
            for end, other in (("min", -math.inf), ("max", math.inf))
        )
        if low > high:
            raise PolicyError(f"quality.{name}: min {low} is above max {high}")
        limits.append((QUALITY_FIELDS.index(name), low, high))
    return tuple(limits)


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
    """0..1: the share of the validation images that look less strange than this one."""
    heatmap: Array
    """float32 [7, 7], 0..1: where the evidence for the subtype lies; max 1, or all 0."""


def decide(logits: Array, cams: Sequence[Array], quality: Array, policy: Policy) -> Decision:
    """Combine what the three backbones say about one image.

    logits: [3, 4]; cams: three class activation maps [h, w, 4]; quality: [12] in the order of
    QUALITY_FIELDS. Raises BackboneError where a number is missing or not finite: such an image
    gets no label.
    """
    _check(logits, cams, quality)
    logits = logits.astype(np.float64)
    each = softmax(logits / policy.temperature[:, None])
    mean = each.mean(axis=0)
    votes = logits.argmax(axis=1)
    malignant = np.count_nonzero(votes != BENIGN) >= 2
    winning = [int(vote) for vote in votes if (vote != BENIGN) == malignant]
    subtype = max(winning, key=lambda vote: (winning.count(vote), mean[vote]))
    confidence = mean[BENIGN] if not malignant else 1 - mean[BENIGN]
    strangeness = ood_score(logits, quality, policy)
    holds = {
        DISAGREEMENT: len(winning) < 3 or winning.count(subtype) < 2,
        LOW_CONFIDENCE: confidence < policy.low_confidence_below,
        OUT_OF_DISTRIBUTION: strangeness > policy.ood_review_above,
        POOR_QUALITY: any(
            not low <= quality[at] <= high for at, low, high in policy.quality_limits
        ),
        FIRST_PAGE_ONLY: quality[0] > 1,
    }
    supporters = [cam for cam, vote in zip(cams, votes, strict=True) if vote == subtype]
    return Decision(
        label="malignant" if malignant else "benign",
        subtype=SUBTYPES[subtype],
        probabilities=mean.astype(np.float32),
        backbone_probabilities=each.astype(np.float32),
        votes=tuple(SUBTYPES[vote] for vote in votes),
        review=tuple(reason for reason in REVIEW_REASONS if holds[reason]),
        ood_score=strangeness,
        heatmap=heatmap([cam[..., subtype] for cam in supporters]),
    )


def _check(logits: Array, cams: Sequence[Array], quality: Array) -> None:
    if logits.shape != (len(BACKBONES), len(SUBTYPES)):
        raise BackboneError(f"logits of shape {list(logits.shape)}, needed is [3, 4]")
    if len(cams) != len(BACKBONES) or any(c.ndim != 3 or c.shape[2] != 4 for c in cams):
        raise BackboneError("needed are three class activation maps of shape [h, w, 4]")
    if quality.shape != (len(QUALITY_FIELDS),):
        raise BackboneError(f"quality of shape {list(quality.shape)}, needed is [12]")
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


def energy(logits: Array) -> float:
    """Mean over the backbones of -logsumexp of their logits [3, 4]; high where none is sure."""
    top = logits.max(axis=-1)
    return float(-(top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))).mean())


def stain_distance(quality: Array, mean: Array, precision: Array) -> float:
    """Mahalanobis distance of an image's six stain colours from those of the known images."""
    apart = np.asarray(quality, dtype=np.float64)[STAIN] - mean
    return math.sqrt(max(0.0, float(apart @ precision @ apart)))


def ood_score(logits: Array, quality: Array, policy: Policy) -> float:
    """0..1: the larger of the shares of validation images with a lower energy or distance."""
    distance = stain_distance(quality, policy.stain_mean, policy.stain_precision)
    shares = np.linspace(0, 1, QUANTILES)
    return max(
        float(np.interp(energy(logits), policy.energy_quantiles, shares)),
        float(np.interp(distance, policy.distance_quantiles, shares)),
    )


def heatmap(maps: Sequence[Array]) -> Array:
    """The mean of the maps [h, w] of one class, each resized to [7, 7] and scaled to 0..1.

    Only evidence for the class counts (negative values are 0). The largest value of the result is
    1; it is all 0 where no map has any evidence.
    """
    total = np.zeros((HEATMAP_SIDE, HEATMAP_SIDE))
    for part in maps:
        rows, columns = (_bilinear(side) for side in part.shape)
        total += _to_unit(rows @ np.maximum(part.astype(np.float64), 0) @ columns.T)
    return _to_unit(total).astype(np.float32)


def _to_unit(values: Array) -> Array:
    top = values.max()
    scaled: Array = values / top if top > 0 else values
    return scaled


def _bilinear(side: int) -> Array:
    """The [7, side] matrix that resamples an axis bilinearly, pixel centres at the half."""
    centres = (np.arange(HEATMAP_SIDE) + 0.5) * side / HEATMAP_SIDE - 0.5
    distance = np.abs(np.clip(centres, 0, side - 1)[:, None] - np.arange(side))
    weights: Array = np.maximum(0, 1 - distance)
    return weights
