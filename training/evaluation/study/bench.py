"""Compares answers to changed fields with those to the same fields unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES
from training.evaluation.predictions import Predictions
from training.evaluation.probes import catalogue
from training.evaluation.study import reviewed
from training.evaluation.study.aligned import Aligned, Calibrated
from training.metrics import fusion, intervals
from training.metrics.classification import BENIGN, Floats, softmax
from training.review.decisions import Decisions


class Changed(NamedTuple):
    """One variant, on the test rows that all backbones answered changed and unchanged."""

    place: npt.NDArray[np.int64]
    """[m], positions among the aligned test rows."""
    logits: Floats
    """[k, m, 4]"""
    quality: npt.NDArray[np.float32]
    """[m, Q]"""


def collect(by_backbone: Mapping[str, Predictions], aligned: Aligned) -> dict[str, Changed]:
    """Return the variants that all backbones have, by name."""
    predictions = list(by_backbone.values())
    names = [
        name
        for name in predictions[0].variants
        if all(name in each.variants for each in predictions)
    ]
    changed = {}
    for name in names:
        variants = [each.variants[name] for each in predictions]
        # Where each changed image stands among the aligned rows, for each backbone.
        places = [{int(row): place for place, row in enumerate(rows)} for rows in aligned.rows]
        answered = [
            {
                place[row]: number
                for number, row in enumerate(variant.index.tolist())
                if row in place
            }
            for variant, place in zip(variants, places, strict=True)
        ]
        common = sorted(set.intersection(*(set(each) for each in answered)))
        if not common:
            continue
        own = [[each[place] for place in common] for each in answered]
        logits = [v.logits[numbers] for v, numbers in zip(variants, own, strict=True)]
        changed[name] = Changed(
            np.array(common, np.int64),
            np.stack(logits).astype(np.float64),
            variants[0].quality[own[0]],
        )
    return changed


class Bench:
    """The unchanged answers of one protocol, to compare changed ones with."""

    def __init__(
        self,
        aligned: Aligned,
        calibrated: Calibrated,
        decided: Decisions | None,
        policies: Mapping[str, Any],
    ) -> None:
        """Take the rows; ``decided`` and ``policies`` are empty without three backbones."""
        self.aligned = aligned
        self.calibrated = calibrated
        self.decided = decided
        self.policies = policies
        self.before = self._answers(aligned.logits, aligned.folds)

    def _answers(
        self, logits: Floats, folds: npt.NDArray[np.str_]
    ) -> dict[str, npt.NDArray[np.int64]]:
        votes = logits.argmax(-1)
        answers = dict(zip(self.aligned.backbones, votes, strict=True))
        if len(answers) == len(BACKBONES):
            scale = np.array([self.calibrated.temperatures[fold] for fold in folds.tolist()])
            answers["majority"] = fusion.majority(
                votes, softmax(logits / scale.T[..., None])
            ).answers
        return answers

    def probe(self, name: str, changed: Changed) -> dict[str, Any]:
        """Return one entry of PROBES.variants."""
        place, targets = changed.place, self.aligned.targets[changed.place]
        after = self._answers(changed.logits, self.aligned.folds[place])
        voters = {}
        for voter, answers in after.items():
            before = self.before[voter][place]
            voters[voter] = {
                "label_changed": _share((answers == BENIGN) != (before == BENIGN)),
                "class_changed": _share(answers != before),
                "called_malignant": _share(answers != BENIGN),
                "called_malignant_before": _share(before != BENIGN),
            }
        last = "majority" if "majority" in after else list(after)[-1]
        flips = (after[last] == BENIGN) != (self.before[last][place] == BENIGN)
        draws = intervals.resample(self.aligned.groups[place], targets)
        family, title = catalogue.describe(name)
        entry = {
            "family": family,
            "title": title,
            "images": len(place),
            "voters": voters,
            "label_changed_interval": draws.interval(draws.means(flips)),
        }
        names = ("review", "malignant_without_review")
        if self.decided is None:
            return entry | dict.fromkeys((*names, *(f"{each}_before" for each in names)))
        now = self._decide(changed)
        was_alone, was = self.decided.unreviewed[place], self.decided.answers[place]
        return entry | {
            "review": _share(~now.unreviewed),
            "review_before": _share(~was_alone),
            "malignant_without_review": _share(now.unreviewed & (now.answers != BENIGN)),
            "malignant_without_review_before": _share(was_alone & (was != BENIGN)),
        }

    def stress(self, strength: float, changed: Changed) -> dict[str, Any]:
        """Return one entry of STRESS.axes.points."""
        after = self._answers(changed.logits, self.aligned.folds[changed.place])
        now = self._decide(changed) if self.decided else None
        return self._point(strength, changed.place, after, now)

    def unchanged(self, strength: float, place: npt.NDArray[np.int64]) -> dict[str, Any]:
        """Return the entry of STRESS.axes.points for the images as they are."""
        answers = {name: each[place] for name, each in self.before.items()}
        now = self.decided
        if now is not None:
            now = now.take(place)
        return self._point(strength, place, answers, now)

    def _point(
        self,
        strength: float,
        place: npt.NDArray[np.int64],
        answers: Mapping[str, npt.NDArray[np.int64]],
        decided: Decisions | None,
    ) -> dict[str, Any]:
        targets = self.aligned.targets[place]
        wrong = None
        if decided is not None and decided.unreviewed.any():
            wrong = _share(decided.answers[decided.unreviewed] != targets[decided.unreviewed])
        return {
            "strength": strength,
            "voters": {
                voter: {
                    "accuracy": _share(each == targets),
                    "binary_accuracy": _share((each == BENIGN) == (targets == BENIGN)),
                }
                for voter, each in answers.items()
            },
            "review": None if decided is None else _share(~decided.unreviewed),
            "wrong_class_without_review_share": wrong,
        }

    def _decide(self, changed: Changed) -> Decisions:
        folds = self.aligned.folds[changed.place]
        return reviewed.decide(changed.logits, changed.quality, folds, self.policies)


def _share(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean())
