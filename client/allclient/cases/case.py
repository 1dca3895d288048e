"""Defines what is said of one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allclient.cases.interval import Share
from allclient.cases.rule import CaseLabel, CaseReason
from allclient.contract import SUBTYPES, Subtype

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Look:
    """A field to look at, and why."""

    file: str
    label: str
    probability: float
    review: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """All fields of one specimen, counted.

    It supports a reading by a pathologist and never replaces one. ``malignant_share`` is the share
    of the leukocytes read, and no blast percentage: that is a count by a person.

    ``fields`` counts the fields with an answer, and ``failed`` those without. ``reasons`` says why
    the label is ``review``, and ``look_first`` which fields to look at first, five at most.
    """

    name: str
    label: CaseLabel
    reasons: tuple[CaseReason, ...]
    """Why the label is ``review``; empty for another label."""
    fields: int
    """Fields with an answer."""
    failed: int
    to_review: int
    subtypes: dict[Subtype, int]
    """How many fields have each subtype."""
    leukocytes: int | None
    """None where cells were not asked for."""
    malignant_leukocytes: int | None
    malignant_share: Share | None
    """None without a leukocyte."""
    look_first: tuple[Look, ...]
    """The fields that should be looked at first, up to five."""

    @property
    def benign_fields(self) -> int:
        """Fields that are labelled benign."""
        return self.subtypes[Subtype.BENIGN]

    @property
    def malignant_fields(self) -> int:
        """Fields that are labelled malignant."""
        return self.fields - self.benign_fields

    def as_json(self) -> dict[str, Any]:
        """Return the keys of one JSON line, in order."""
        share = self.malignant_share
        value, low, high = (None,) * 3 if share is None else (share.value, share.low, share.high)
        return {
            "case": self.name,
            "label": self.label.value,
            "reasons": [reason.value for reason in self.reasons],
            "fields": self.fields,
            "failed": self.failed,
            "to_review": self.to_review,
            **{f"fields_{subtype.value}": self.subtypes[subtype] for subtype in SUBTYPES},
            "leukocytes": self.leukocytes,
            "malignant_leukocytes": self.malignant_leukocytes,
            "malignant_share": _rounded(value),
            "malignant_share_low": _rounded(low),
            "malignant_share_high": _rounded(high),
            "look_first": [look.file for look in self.look_first],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
