"""Compares what the vote makes of an artifact's answers with what it makes of Keras's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from allclient.contract import Label
from convert import limits
from convert.images import Fields
from convert.parity.runtimes import Answers
from toolkit import served


class Readings(NamedTuple):
    """Counts of fields that a pathologist would be told otherwise about than with Keras."""

    runtime: str
    source: str
    """Where the fields come from."""
    images: int
    labels_changed: int
    """Benign instead of malignant, or the other way round."""
    review_dropped: int
    """Answers that ask for no review any more."""
    review_added: int
    malignant_unreviewed: int
    """Answers of malignant without review, with the artifact."""
    malignant_unreviewed_keras: int

    def record(self) -> dict[str, Any]:
        """Return the counts for JSON, beside the distance of the vote."""
        return {name: value for name, value in self._asdict().items() if name != "runtime"}


def decide(three: Sequence[Answers], fields: Fields) -> list[Any]:
    """Return the vote's decision on each field, from the backbones' answers in their order."""
    policy = served.majority.Policy.load(served.POLICY)
    return served.majority.decide_each(
        [answers["LOGITS"] for answers in three],
        fields.quality,
        [policy] * len(fields),
        [answers["CAM"] for answers in three],
    )


def distance(
    decisions: Sequence[Any], keras_decisions: Sequence[Any], fields: Fields
) -> limits.Distance:
    """Return the distance of calibrated probabilities and of the subtypes that the vote names."""
    subtypes = served.majority.SUBTYPES
    ours, keras = (
        np.stack([one.probabilities for one in all_of]).astype(np.float64)
        for all_of in (decisions, keras_decisions)
    )
    named, known = (
        np.array([subtypes.index(one.subtype) for one in all_of])
        for all_of in (decisions, keras_decisions)
    )
    voters = np.stack([one.backbone_probabilities for one in keras_decisions], axis=1)
    counts = settled(voters, fields.margin) if fields.drawn else None
    return limits.distance(ours, keras, fields.classes, (named, known), counts)


def settled(voters: npt.NDArray[np.floating[Any]], margin: float) -> npt.NDArray[np.bool_]:
    """Return where two of three voters [3, n, 4] are clear about the same class, bool [n].

    Elsewhere the vote depends on one that is torn; see ``limits.DRAWN_MARGIN``.
    """
    classes = voters.argmax(2)
    sure = [limits.clear(one, margin) for one in voters]
    pairs = itertools.combinations(range(len(voters)), 2)
    settled_rows: npt.NDArray[np.bool_] = np.any(
        [sure[a] & sure[b] & (classes[a] == classes[b]) for a, b in pairs], axis=0
    )
    return settled_rows


def readings(
    runtime: str, decisions: Sequence[Any], keras_decisions: Sequence[Any], source: str
) -> Readings:
    """Count the fields whose reading changed."""
    pairs = list(zip(decisions, keras_decisions, strict=True))
    return Readings(
        runtime,
        source,
        len(pairs),
        labels_changed=sum(ours.label != keras.label for ours, keras in pairs),
        review_dropped=sum(bool(keras.review) and not ours.review for ours, keras in pairs),
        review_added=sum(bool(ours.review) and not keras.review for ours, keras in pairs),
        malignant_unreviewed=sum(_unreviewed(ours) for ours, _ in pairs),
        malignant_unreviewed_keras=sum(_unreviewed(keras) for _, keras in pairs),
    )


def _unreviewed(decision: Any) -> bool:
    return decision.label == Label.MALIGNANT.value and not decision.review
