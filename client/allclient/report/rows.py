"""Defines one outcome as plain values: the one place that says what is reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allclient.contract import BACKBONES, NOT_RUN, SUBTYPES
from allclient.result import Outcome, Source

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """What is said of one image. ``error`` is (code, message); then all the rest is None."""

    file: str
    label: str | None
    subtype: str | None
    probability: float | None
    probabilities: dict[str, float] | None
    votes: dict[str, str] | None
    review: list[str] | None
    ood_score: float | None
    error: tuple[str, str] | None
    leukocytes: int | None = None
    """None where cells were not asked for; so is the next."""
    malignant_leukocytes: int | None = None
    um_per_pixel: float | None = None
    """The size of a pixel in micrometres; None where nobody knows it."""
    release: str | None = None
    """What answered, by name; None where that is not known."""

    def as_json(self) -> dict[str, Any]:
        """Return the keys of one JSON line, in order."""
        error = None if self.error is None else {"code": self.error[0], "message": self.error[1]}
        return {
            "file": self.file,
            "label": self.label,
            "subtype": self.subtype,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "votes": self.votes,
            "review": self.review,
            "ood_score": self.ood_score,
            "error": error,
            "leukocytes": self.leukocytes,
            "malignant_leukocytes": self.malignant_leukocytes,
            "um_per_pixel": self.um_per_pixel,
            "release": self.release,
        }


OLD_JSON_KEYS = (
    "file",
    "label",
    "subtype",
    "probability",
    "probabilities",
    "votes",
    "review",
    "ood_score",
    "error",
)
"""The keys of versions 0.1 and 0.2."""

JSON_KEYS = (*OLD_JSON_KEYS, "leukocytes", "malignant_leukocytes", "um_per_pixel", "release")


def row_of(outcome: Outcome) -> Row:
    """Return the row of an outcome; ``file`` is its path, or says how many bytes it had."""
    file = _name(outcome.source)
    result = outcome.result
    if result is None:
        assert outcome.error is not None
        error = (outcome.error.code, str(outcome.error))
        return Row(file, None, None, None, None, None, None, None, error)
    return Row(
        file=file,
        label=result.label.value,
        subtype=result.subtype.value,
        probability=round(result.probability, _DIGITS),
        probabilities={s.value: round(result.probabilities[s], _DIGITS) for s in SUBTYPES},
        votes={b.value: result.votes[b].value if b in result.votes else NOT_RUN for b in BACKBONES},
        review=[reason.value for reason in result.review],
        ood_score=round(result.ood_score, _DIGITS),
        error=None,
        leukocytes=result.leukocytes,
        malignant_leukocytes=result.malignant_leukocytes,
        um_per_pixel=result.um_per_pixel,
        release=result.release or None,
    )


def _name(source: Source) -> str:
    if isinstance(source, bytes):
        return f"({len(source)} bytes)"
    return str(source)  # a plain one: a Remote would keep its bytes
