"""Chooses how sure an answer has to be, and how unlike the known images its field may be.

On fields of known slides every threshold looks good. What counts is how the vote does on a slide
that none of its backbones saw, so the thresholds are chosen on answers of backbones to the very
slides that they were trained without. Of the answers that go without review no more than LIMIT may
be wrong: of the benign ones, of the malignant ones, and of both together also when any one slide
is taken away, so that no single slide carries the choice. Among what fulfils that, the thresholds
are taken that give most answers: to slides left out and to known slides, which count the same.

Two bounds hold whatever the slides left out say, since all of them come from one laboratory. A
field beyond MAX_OOD_SCORE is never answered without review: in smears of other laboratories the
backbones see leukemia where there is none. And a benign answer has to be surer than a malignant
one, and its field nearer to known ones: a leukemia that is missed costs most.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.metrics import selective
from training.review.evidence import Bools, Evidence

LIMIT = 0.05
"""Largest share of wrong answers among those of one label that are given without review."""

CONFIDENCES = {
    "benign": (0.99, 0.995, 0.998, 0.999),
    "malignant": (0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999),
}
SUBTYPE_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
MAX_OOD_SCORE = {"benign": 0.95, "malignant": 0.99}
"""At 0.99 a field is as far from known ones as the farthest hundredth of the validation part.

None of the 73 fields of healthy-other-labs that is called malignant lies within it. Within 0.995
lie 24, all with one leukocyte or two (``quality_limits.FEWEST``).
"""

OOD_SCORES = {
    label: (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, *nearest)
    for label, nearest in {
        "benign": (MAX_OOD_SCORE["benign"],),
        "malignant": (0.95, 0.96, 0.97, 0.98, MAX_OOD_SCORE["malignant"]),
    }.items()
}
"""The candidates."""

RIGHT = ("class", "label")
"""What an answer has to get right: the subtype as well, or benign/malignant alone."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of the policy; the defaults serve if no slide was left out."""

    confidence: dict[str, float] = field(
        default_factory=lambda: {"benign": 0.99, "malignant": 0.9, "subtype": 0.5}
    )
    review_above: dict[str, float] = field(
        default_factory=lambda: {"benign": MAX_OOD_SCORE["benign"], "malignant": 0.95}
    )

    def given(self, evidence: Evidence) -> Bools:
        """Return which answers go without review, bool [n]."""
        malignant = evidence.malignant
        least = np.where(malignant, self.confidence["malignant"], self.confidence["benign"])
        most = np.where(malignant, self.review_above["malignant"], self.review_above["benign"])
        sure = evidence.confidence >= least
        sure &= ~malignant | (evidence.subtype_confidence >= self.confidence["subtype"])
        return evidence.settled & sure & (evidence.ood <= most)


def choose(known: Evidence, unseen: Evidence, *, right: str = "label") -> Thresholds:
    """Choose the thresholds that give most answers with no more than LIMIT of them wrong.

    Args:
        known: held-out fields of known slides.
        unseen: fields of slides left out; their units are those slides.
        right: one of RIGHT.
    """
    candidates = [_candidates(label) for label in ("benign", "malignant")]
    gains, tallies = [], []
    for malignant, tried in enumerate(candidates):
        new, usual = (_tally(each, tried, bool(malignant), right) for each in (unseen, known))
        kept = (_share(new.sum(-1)) <= LIMIT) & (_share(usual.sum(-1)) <= LIMIT)
        gain = new[0].sum(-1) / len(unseen.ood) + usual[0].sum(-1) / len(known.ood)
        gains.append(np.where(kept, gain, -np.inf))
        tallies.append(new)
    both = _worst(tallies[0][:, :, None] + tallies[1][:, None]) <= LIMIT
    gain = np.where(both, gains[0][:, None] + gains[1], -np.inf)
    # Candidates stand strictest first, and of equal gains the first is taken.
    best = np.unravel_index(np.argmax(gain.round(9)), gain.shape)
    benign, malign = (tried[at] for tried, at in zip(candidates, best, strict=True))
    return Thresholds(
        {"benign": benign.label, "malignant": malign.label, "subtype": malign.subtype},
        {"benign": benign.ood_score, "malignant": malign.ood_score},
    )


class _Candidate(NamedTuple):
    """Thresholds for answers of one label."""

    label: float
    ood_score: float
    subtype: float


def _candidates(label: str) -> list[_Candidate]:
    """Return the candidates, the strictest first; it gives no answer at all."""
    subtypes = SUBTYPE_CONFIDENCES[::-1] if label == "malignant" else (0.0,)
    tried = itertools.product(CONFIDENCES[label][::-1], OOD_SCORES[label], subtypes)
    return [_Candidate(1.0, 0.0, 1.0), *(_Candidate(*each) for each in tried)]


def _tally(
    evidence: Evidence, tried: list[_Candidate], malignant: bool, right: str
) -> npt.NDArray[np.float64]:
    """Count answers [0] and wrong answers [1] that go without review, [2, candidates, units]."""
    wrong = evidence.wrong_class if right == "class" else evidence.wrong_label
    names, place = np.unique(evidence.units, return_inverse=True)
    possible = evidence.settled & (evidence.malignant == malignant)
    tallies = np.zeros((2, len(tried), len(names)))
    for row, each in enumerate(tried):
        unreviewed = (
            possible & (evidence.ood <= each.ood_score) & (evidence.confidence >= each.label)
        )
        if malignant:
            unreviewed &= evidence.subtype_confidence >= each.subtype
        tallies[0, row] = np.bincount(place[unreviewed], minlength=len(names))
        tallies[1, row] = np.bincount(place[unreviewed & wrong], minlength=len(names))
    return tallies


def _share(tally: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return wrong answers as a share [...] of those given, from [2, ...]; 0 if none is given."""
    answers, wrong = tally
    share: npt.NDArray[np.float64] = np.divide(
        wrong, answers, out=np.zeros_like(answers), where=answers > 0
    )
    return share


def _worst(tally: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the largest share [...] in all units of [2, ..., units] or with any one left out."""
    total = tally.sum(-1, keepdims=True)
    return np.asarray(_share(np.concatenate([total, total - tally], -1)).max(-1))


def outcome(evidence: Evidence, unreviewed: Bools) -> dict[str, int]:
    """Return what thresholds did to rows they were or were not chosen on, for the record."""
    counts = selective.counts(unreviewed, evidence.wrong_class, evidence.wrong_label)
    return {"images": len(unreviewed), **counts}
