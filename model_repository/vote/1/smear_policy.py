"""Reads and checks ``policy.json``, the numbers that the vote was fitted with.

A policy that cannot be trusted does not load, and says where it is wrong: a mistyped name must not
switch a check off unseen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

POLICY_VERSION: Final = 2
BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
LABELS: Final = ("benign", "malignant")
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
    "nuclei_share",
    "nuclei_purple",
    "nuclei_edge",
    "nuclei_density",
    "red_cell_size",
    "red_cell_aspect",
    "leukocytes",
)
QUANTILES: Final = 101

Array = npt.NDArray[np.floating[Any]]


class PolicyError(ValueError):
    """A policy file is missing, broken or of another version; the message says where."""


class Limit(NamedTuple):
    """The values of one quality field that need no review."""

    at: int
    """Position in QUALITY_FIELDS."""
    low: float
    high: float


@dataclass(frozen=True)
class Appearance:
    """The appearance of known fields, by some of the quality values."""

    at: tuple[int, ...]
    """[k], positions in QUALITY_FIELDS."""
    known: Array
    """[m, k]: typical fields of every known slide."""
    whitening: Array
    """[k, k]: difference @ whitening has about unit spread within a slide, in every direction."""
    quantiles: Array
    """[101], rising: distances of the validation part from the nearest of ``known``."""


@dataclass(frozen=True)
class Policy:
    """Temperatures and thresholds; see ``training.review`` for how they are fitted."""

    temperature: Array
    """[3], in the order of BACKBONES."""
    confidence: dict[str, float]
    """By label: an answer with a lower probability of its label needs review."""
    subtype_confidence: float
    """So does a malignant answer with a lower probability of its subtype."""
    ood_review_above: dict[str, float]
    """By label: an answer with a higher ``ood_score`` needs review."""
    energy_quantiles: Array
    """[101], of the validation part, rising."""
    appearance: Appearance
    leukocyte_limits: tuple[Limit, ...]
    """Beyond these there is no nucleus of a leukocyte in the field."""
    quality_limits: tuple[Limit, ...]
    scale_limits: tuple[Limit, ...] = ()
    """Beyond these cells have another size than those that the backbones learned from. Policies
    that were fitted before this reason have none."""
    few_limits: tuple[Limit, ...] = ()
    """Beyond these there are too few leukocytes to answer by. Optional as well."""

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read and check a policy file.

        Raises:
            PolicyError: it cannot be used; the message names the file and the place in it.
        """
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
        """Check a parsed policy.

        Raises:
            PolicyError: it cannot be used; the message names the place in it.
        """
        version = policy.get("version") if isinstance(policy, dict) else None
        if version != POLICY_VERSION:
            raise PolicyError(f"the policy has version {version!r}, needed is {POLICY_VERSION}")
        names = ("fitted_on", "temperature", "confidence", "ood", "leukocytes", "quality")
        top = _fields(policy, "the policy", ("version", *names), optional=("scale", "few"))
        temperature = _fields(top["temperature"], "temperature", BACKBONES)
        confidence = _fields(top["confidence"], "confidence", (*LABELS, "subtype"))
        ood = _fields(top["ood"], "ood", ("review_above", "energy_quantiles", "look"))
        above = _fields(ood["review_above"], "ood.review_above", LABELS)
        return cls(
            temperature=np.array(
                [
                    _number(temperature[name], f"temperature.{name}", low=1e-3, high=1e3)
                    for name in BACKBONES
                ]
            ),
            confidence={name: _number(confidence[name], f"confidence.{name}") for name in LABELS},
            subtype_confidence=_number(confidence["subtype"], "confidence.subtype"),
            ood_review_above={
                name: _number(above[name], f"ood.review_above.{name}") for name in LABELS
            },
            energy_quantiles=_quantiles(ood["energy_quantiles"], "ood.energy_quantiles"),
            appearance=_appearance(ood["look"]),
            leukocyte_limits=_limits(top["leukocytes"], "leukocytes"),
            quality_limits=_limits(top["quality"], "quality"),
            scale_limits=_limits(top["scale"], "scale") if "scale" in top else (),
            few_limits=_limits(top["few"], "few") if "few" in top else (),
        )


def _fields(
    value: object, place: str, names: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, Any]:
    """Return an object with exactly these fields, but for optional ones."""
    if not isinstance(value, dict) or set(value) - set(optional) != set(names):
        raise PolicyError(f"{place} must have exactly the fields {', '.join(names)}")
    return value


def _number(value: object, place: str, *, low: float = 0.0, high: float = 1.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PolicyError(f"{place} must be a number from {low} to {high}, found {value!r}")
    return float(value)


def _numbers(value: object, place: str, shape: tuple[int | None, ...]) -> Array:
    """Return finite numbers; None in ``shape`` stands for any length from 1."""
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    fits = numbers.ndim == len(shape) and numbers.size > 0
    fits = fits and all(
        need in (None, have) for need, have in zip(shape, numbers.shape, strict=True)
    )
    if not fits or not np.isfinite(numbers).all():
        wanted = ["any" if need is None else need for need in shape]
        raise PolicyError(f"{place} must be finite numbers of shape {wanted}")
    return numbers


def _quantiles(value: object, place: str) -> Array:
    quantiles = _numbers(value, place, (QUANTILES,))
    if (np.diff(quantiles) < 0).any():
        raise PolicyError(f"{place} must rise")
    return quantiles


def _appearance(value: object) -> Appearance:
    appearance = _fields(value, "ood.look", ("fields", "known", "whitening", "quantiles"))
    names = appearance["fields"]
    if not isinstance(names, list) or not names or any(n not in QUALITY_FIELDS[1:] for n in names):
        raise PolicyError(f"ood.look.fields may name only {', '.join(QUALITY_FIELDS[1:])}")
    if len(set(names)) < len(names):
        raise PolicyError("ood.look.fields names a field twice")
    whitening = _numbers(appearance["whitening"], "ood.look.whitening", (len(names), len(names)))
    if np.linalg.matrix_rank(whitening) < len(names):
        raise PolicyError("ood.look.whitening leaves a direction out")
    return Appearance(
        at=tuple(QUALITY_FIELDS.index(name) for name in names),
        known=_numbers(appearance["known"], "ood.look.known", (None, len(names))),
        whitening=whitening,
        quantiles=_quantiles(appearance["quantiles"], "ood.look.quantiles"),
    )


def _limits(value: object, place: str) -> tuple[Limit, ...]:
    if not isinstance(value, dict) or not value or not set(value) <= set(QUALITY_FIELDS[1:]):
        raise PolicyError(f"{place} must limit one or more of {', '.join(QUALITY_FIELDS[1:])}")
    limits = []
    for name, bounds in value.items():
        if not isinstance(bounds, dict) or not bounds or not set(bounds) <= {"min", "max"}:
            raise PolicyError(f"{place}.{name} must have min, max or both")
        infinite = {"low": -float("inf"), "high": float("inf")}
        low, high = (
            _number(bounds.get(key, default), f"{place}.{name}.{key}", **infinite)
            for key, default in (("min", infinite["low"]), ("max", infinite["high"]))
        )
        if low > high:
            raise PolicyError(f"{place}.{name}: min {low} is above max {high}")
        limits.append(Limit(QUALITY_FIELDS.index(name), low, high))
    return tuple(limits)
