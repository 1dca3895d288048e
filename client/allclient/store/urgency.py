"""Says as one number how soon a person should look at a field: the highest first."""

from __future__ import annotations

from typing import Final

from allclient.contract import Label, ReviewReason
from allclient.result import Result

FAILED: Final = 3.5
"""A field without an answer comes before the answers that ask for review."""

REVIEW: Final = 2.0
"""From here on a person has to look: the answer alone must not be used."""

_WEIGHTS: Final = {
    ReviewReason.DISAGREEMENT: 0.3,
    ReviewReason.LOW_CONFIDENCE: 0.25,
    ReviewReason.OUT_OF_DISTRIBUTION: 0.2,
    ReviewReason.POOR_QUALITY: 0.1,
}
_OTHER: Final = 0.05


def urgency_of(result: Result) -> float:
    """Return 2 to below 4 with a reason for review, 1 to 2 for malignant, 0 to 1 for benign.

    Within each, the less sure answers come first.
    """
    uncertainty = 1.0 - result.probability  # at most a half where the label is the likelier one
    if result.review:
        reasons = sum(_WEIGHTS.get(reason, _OTHER) for reason in result.review)
        return REVIEW + min(reasons, 1.0) + min(uncertainty, 0.49)
    return min(uncertainty, 0.99) + (1.0 if result.label is Label.MALIGNANT else 0.0)
