"""Studies one protocol: its rows, what every voter says of them, what the policy makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES, SUBTYPES, Label
from training.evaluation.predictions import UNSTAGED, Predictions
from training.evaluation.study import bench, bounds, changed, heat, policies, reviewed, voters
from training.evaluation.study.aligned import Aligned, Calibrated, align, calibrate_rows
from training.metrics import intervals
from training.metrics.classification import BENIGN
from training.metrics.intervals import Resamples
from training.review.decisions import Decisions


class Study:
    """One protocol: its rows, what every voter says about them, what the policies make of them."""

    def __init__(
        self, by_backbone: Mapping[str, Predictions], served: Any, folder: Path | None = None
    ) -> None:
        """Take one protocol's predictions by backbone, the served policy, and their folder."""
        self.aligned: Aligned = align(by_backbone)
        aligned = self.aligned
        names = [each.value for each in BACKBONES]
        temperatures = dict(zip(names, served.temperature.tolist(), strict=True))
        own = not policies.fits(aligned.protocol)
        self.calibrated: Calibrated = calibrate_rows(aligned, temperatures, own=own)
        self.draws: Resamples = intervals.resample(aligned.groups, aligned.targets)
        self.voters = voters.voters(aligned, self.calibrated)
        self.missing = list(aligned.missing)
        self.policies: dict[str, Any] = {}
        self.decided: Decisions | None = None
        if len(aligned.backbones) == len(names):
            by_fold, missing = policies.by_fold(aligned, self.calibrated, served, folder)
            self.missing += missing
            if not missing:
                self.policies = by_fold
                self.decided = reviewed.decide(
                    aligned.logits, aligned.quality, aligned.folds, by_fold
                )

    def protocol(self) -> dict[str, Any]:
        """Return WAY of ``training.evaluation.figures``."""
        aligned = self.aligned
        review: dict[str, Any] = {"coverage": None, "review": None}
        if self.decided is not None:
            review = reviewed.protocol(aligned, self.decided, self.draws)
        return {
            "images": len(aligned.paths),
            "groups": _count(aligned.groups),
            "slides": _count(aligned.slides),
            "classes": {
                subtype.value: {
                    "images": int((aligned.targets == index).sum()),
                    "groups": _count(aligned.groups[aligned.targets == index]),
                    "slides": _count(aligned.slides[aligned.targets == index]),
                }
                for index, subtype in enumerate(SUBTYPES)
            },
            "folds": self._folds(),
            "missing": self.missing,
            "voters": {
                name: voters.figures(aligned, fused, self.draws)
                for name, fused in self.voters.items()
            },
            "mcnemar": voters.comparisons(aligned, self.voters, self.draws),
            **review,
            "bounds": self._bounds(),
        }

    def _folds(self) -> dict[str, Any]:
        names = self.aligned.backbones
        return {
            fold: {
                "images": int((self.aligned.folds == fold).sum()),
                "val_images": len(val.targets),
                "temperature": _named(names, self.calibrated.temperatures[fold]),
                "weights": _named(names, self.calibrated.weights[fold]),
            }
            for fold, val in self.aligned.val.items()
        }

    def outside(self) -> dict[str, Any]:
        """Return OUTSIDE of the figures."""
        aligned = self.aligned
        figures: dict[str, Any] = {
            "images": len(aligned.paths),
            "malignant": int((aligned.targets != BENIGN).sum()),
            "groups": _count(aligned.groups),
            "class": _class_of_all(aligned.targets),
            "missing": self.missing,
            "voters": {
                name: {
                    "called_malignant": int((fused.answers != BENIGN).sum()),
                    "called_malignant_share": float((fused.answers != BENIGN).mean()),
                    "label": voters.label(aligned.targets, fused, self.draws),
                }
                for name, fused in self.voters.items()
            },
        }
        names = ("malignant_without_review", "malignant_without_review_share", "interval")
        if self.decided is None:
            return figures | dict.fromkeys((*names, "review", "bounds"))
        alarms = self.decided.unreviewed & (self.decided.answers != BENIGN)
        interval = self.draws.interval(self.draws.means(alarms))
        values = (int(alarms.sum()), float(alarms.mean()), interval)
        review = reviewed.figures(self.decided, aligned.targets, self.draws, {})
        if (aligned.targets == UNSTAGED).any():
            for part in ("without_review", "intervals"):
                review[part] |= {
                    each: None for each in review[part] if each.startswith("wrong_class")
                }
        figures |= dict(zip(names, values, strict=True))
        return figures | {"review": review, "bounds": self._bounds()}

    def _bounds(self) -> list[dict[str, Any]] | None:
        return None if self.decided is None else bounds.figures(self.aligned, self.decided)

    def changes(
        self, by_backbone: Mapping[str, Predictions]
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return PROBES and STRESS of the figures."""
        variants = bench.collect(by_backbone, self.aligned)
        if not variants:
            return None, None
        unchanged = bench.Bench(self.aligned, self.calibrated, self.decided, self.policies)
        about = next(iter(by_backbone.values())).meta.get("changed") or {}
        seed = about.get("seed")
        return changed.probes(unchanged, variants, seed), changed.stress(unchanged, variants, seed)

    def cams(self) -> dict[str, Any]:
        """Return CAMS of the figures, for this protocol."""
        return heat.figures(self.aligned)


def _class_of_all(targets: npt.NDArray[np.int64]) -> str | None:
    """Return the class of all images, ``malignant`` if stages are unknown; None if they differ."""
    found = np.unique(targets)
    if len(found) == 1:
        return SUBTYPES[int(found[0])].value if found[0] < UNSTAGED else Label.MALIGNANT.value
    return None if BENIGN in found else Label.MALIGNANT.value


def _count(names: npt.NDArray[np.str_]) -> int:
    return len(set(names.tolist()) - {""})


def _named(names: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))
