"""Labels a case by a written and cautious rule: what is not clear is ``review``.

docs/cases.md explains it to users.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from allclient.cases.interval import MIN_FIELDS, Share

MAX_UNCLEAR: Final = 0.2
"""The largest share of a case's fields that may need review or have failed."""

MAX_BENIGN_IN_MALIGNANT: Final = 0.1
"""The largest share of benign fields in a case that is labelled malignant."""

_EVEN: Final = 0.5


class CaseLabel(str, Enum):
    """What the fields of a case say together."""

    BENIGN = "benign"
    MALIGNANT = "malignant"
    REVIEW = "review"
    """The fields do not say it clearly: a person decides."""


class CaseReason(str, Enum):
    """Why a case is labelled ``review``."""

    NO_FIELDS = "no_fields"
    FEW_FIELDS = "few_fields"
    UNCLEAR_FIELDS = "unclear_fields"
    FIELDS_DIFFER = "fields_differ"
    CELLS_DIFFER = "cells_differ"


CASE_REASONS: Final = {
    CaseReason.NO_FIELDS: "no field of the case was read",
    CaseReason.FEW_FIELDS: f"fewer than {MIN_FIELDS} fields were read without a reason for review",
    CaseReason.UNCLEAR_FIELDS: "more than a fifth of its fields need review or have no answer",
    CaseReason.FIELDS_DIFFER: "some of its fields are benign and some malignant",
    CaseReason.CELLS_DIFFER: "its single cells do not clearly say the same as its fields",
}
"""Each reason in words."""


def judge(
    *,
    benign: int,
    malignant: int,
    benign_clear: int,
    malignant_clear: int,
    failed: int,
    share: Share | None,
) -> tuple[CaseLabel, tuple[CaseReason, ...]]:
    """Return the label of a case, and the reasons if it is ``review``.

    ``benign`` and ``malignant`` count all fields that were read, ``..._clear`` those of them
    without a reason for review. A field that needs review never makes a case benign or malignant,
    but a malignant one forbids benign.
    """
    read, clear = benign + malignant, benign_clear + malignant_clear
    if not read:
        return CaseLabel.REVIEW, (CaseReason.NO_FIELDS,)
    reasons = []
    if clear < MIN_FIELDS:
        reasons.append(CaseReason.FEW_FIELDS)
    if read - clear + failed > MAX_UNCLEAR * (read + failed):
        reasons.append(CaseReason.UNCLEAR_FIELDS)
    label = CaseLabel.MALIGNANT if malignant else CaseLabel.BENIGN
    if malignant and benign > MAX_BENIGN_IN_MALIGNANT * read:
        reasons.append(CaseReason.FIELDS_DIFFER)
    elif share is not None and not _cells_agree(label, share):
        reasons.append(CaseReason.CELLS_DIFFER)
    return (CaseLabel.REVIEW, tuple(reasons)) if reasons else (label, ())


def _cells_agree(label: CaseLabel, share: Share) -> bool:
    """Return whether the interval of the malignant share lies on the label's side."""
    if label is CaseLabel.MALIGNANT:
        return (share.value if share.low is None else share.low) > _EVEN
    return (share.value if share.high is None else share.high) < _EVEN
