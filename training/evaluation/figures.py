"""Computes every figure of the report from saved predictions: the content of report.json.

Shares lie between 0 and 1; an interval is ``[low, high]``, and null where a class has a single
group or where all resamples are equal; null stands for what is not defined (a score that needs a
class which is missing, a figure that was not measured). A *voter* is one
of ``backbones`` or ``fusions``; the voter ``majority`` is what the server answers. *label* means
benign/malignant, *class* one of the four::

    {
     "version": 1,
     "classes": [4 names], "backbones": [3 names],
     "fusions": ["majority", "mean", "weighted", "fuzzy_rank"],
     "bootstrap": {"resamples", "level", "seed", "unit": "group", "strata": "class",
                   "method": "percentile"},
     "ways": {"known": WAY, "random": WAY, "slides": WAY},   # those with predictions
     "outside": {name: OUTSIDE},                             # sets of other laboratories
     "probes": PROBES | null, "stress": STRESS | null, "cams": CAMS | null, "cost": COST | null,
     "laboratories": what python -m training laboratories wrote | null,
     "policy": {"version", "sha256", "fitted_on"},
     "provenance": {"made", "git_commit", "versions",
                    "predictions": {protocol: {backbone: its meta}}}
    }

    WAY = {
     "images": n, "groups": n, "slides": n,                  # of the test rows
     "classes": {class: {"images", "groups", "slides"}},
     "folds": {fold: {"images", "val_images", "temperature": {backbone: t},
                      "weights": {backbone: w}}},            # weights of the fusion "weighted"
     "missing": ["xception: fold Early-S01", ...],           # left out of everything below
     "voters": {voter: VOTER},                               # fusions only with three backbones
     "mcnemar": [{"first": voter, "second": voter, "question": "class" | "label",
                  "first_only_right": n, "second_only_right": n, "p": p,
                  "difference": first's accuracy less second's, "interval"}],
     "coverage": {"confidence": CURVE, "ood": CURVE, "policy": CURVE} | null,  # voter majority
     "review": REVIEW | null, "bounds": BOUNDS | null
    }
    BOUNDS = [{"leukocytes", "ood_score", "without_review", "wrong_label"}]
         # answers without review if one needed so many leukocytes and a malignant one's field could
         # have this OOD score at most, all else by the policy
    VOTER = {
     "scores": {name: value}, "intervals": {name: interval | null},
         # names: accuracy, balanced_accuracy (= macro recall), macro_precision, macro_f1, mcc,
         # binary_accuracy, binary_balanced_accuracy, sensitivity (= recall for malignant),
         # specificity, malignant_precision, malignant_f1, binary_mcc, roc_area, pr_area,
         # ece, ece_equal_mass, brier, nll, label_brier
     "confusion": 4 x 4 counts, row the true class,
     "classes": {class: {"images", "precision", "recall", "f1"}},
     "roc": {"area", "fpr": [..], "tpr": [..]}, "pr": {"area", "recall": [..], "precision": [..]},
         # malignant against benign by 1 - p(benign); null where one of them is missing
     "reliability": [{"low", "high", "images", "confidence", "right"}] | null,
         # 15 bins of equal width of the label's confidence; null for fuzzy_rank, whose scores
         # are no probabilities (its ece, brier and nll are null too)
     "slides": {slide: {"class", "images", "accuracy", "binary_accuracy"}},
     "slide_mean": {"sensitivity", "specificity", "binary_balanced_accuracy", "accuracy"}
         # every slide counts the same
    }
    CURVE = {"coverage": [..], "class_risk": [..], "label_risk": [..],
             "class_aurc", "label_aurc"}          # at most 101 points, coverage rising to 1
    REVIEW = {          # the served vote; slides left out are judged by policies that know nothing
                        # of the slide (FOLDER/slides/policies), null where one is missing
     "images", "review": share, "coverage": 1 - review, "reasons": {reason: images},
     "without_review": {"images", "wrong_class", "wrong_label", "wrong_class_share",
                        "wrong_label_share", "malignant_called_benign",
                        "benign_called_malignant"},
     "intervals": {"coverage", "wrong_class_share", "wrong_label_share"},
     "slides": {slide: {"class", "images", "without_review", "wrong_class", "wrong_label"}}
    }
    OUTSIDE = {"images", "malignant": so many of them, "groups", "missing": [..],
     "class": class of all of them, "malignant" if stages are unknown, null if there are both,
     "voters": {voter: {"called_malignant", "called_malignant_share",
                        "label": null without both, or {"roc_area", "binary_balanced_accuracy"}
                                 with "value" and "interval" each}},
     "malignant_without_review", "malignant_without_review_share", "interval",
         # the served vote under the policy, share of all images; null without three backbones
     "review": REVIEW | null, "bounds": BOUNDS | null}
    PROBES = {"way", "images": m, "seed",
     "families": {family: {"title", "expect": "same" | "doubt",
                           "worst": {"variant", "label_changed"},
                           "label_changed", "class_changed"}},   # mean over its variants, majority
     "variants": {name: {"family", "title", "images", "voters": {voter: {"label_changed",
                  "class_changed", "called_malignant", "called_malignant_before"}},
                  "label_changed_interval", "review", "review_before",
                  "malignant_without_review", "malignant_without_review_before"}}}
    STRESS = {"way", "images": m, "seed",
     "axes": {axis: {"title", "unit", "neutral": strength,
              "points": [{"strength", "voters": {voter: {"accuracy", "binary_accuracy"}},
                          "review", "wrong_class_without_review_share"}]}}}  # rising strength
    CAMS = {protocol: {backbone: {"images", "not_measured", "heat", "area", "ratio", "pointing",
            "intervals": {"heat_less_area"}, "classes": {class: the same without intervals}}}}
         # heat: mean share of positive heat inside nuclei; area: the same by chance;
         # pointing: share of images whose hottest place is a nucleus (chance is again area)
    COST = {"backbones": {backbone: {"parameters", "macs", "flops", "master_bytes", "ir_bytes",
            "latency_ms": {"median", "p10", "p90"}, "relative_latency"}},
            "rule": text, "threads", "runs", "cpu", "made", "versions"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allclient.contract import BACKBONES, SUBTYPES
from toolkit import served
from training import record
from training.evaluation import predictions
from training.evaluation.predictions import OUTSIDE
from training.evaluation.study.study import Study
from training.metrics import intervals
from training.metrics.fusion import FUSIONS

VERSION = 1
PROTOCOLS = ("known", "random", "slides")
COST = "cost.json"
LABORATORIES = "laboratories.json"
POLICY = served.POLICY
"""The served one."""


def compute(folder: Path, policy: Path = POLICY) -> dict[str, Any]:
    """Return every figure of the predictions in ``folder`` under a policy.

    Raises:
        PredictionsError: predictions that are missing, damaged or do not fit together.
        PolicyError: the policy cannot be used.
    """
    loaded = served.majority.Policy.load(policy)
    stored = predictions.load_all(folder)
    report: dict[str, Any] = {
        "version": VERSION,
        "classes": [each.value for each in SUBTYPES],
        "backbones": [each.value for each in BACKBONES],
        "fusions": list(FUSIONS),
        "bootstrap": {
            "resamples": intervals.RESAMPLES,
            "level": intervals.LEVEL,
            "seed": 0,
            "unit": "group",
            "strata": "class",
            "method": "percentile",
        },
        "ways": {},
        "outside": {},
        "probes": None,
        "stress": None,
        "cams": {},
        "cost": _stored(folder / COST),
        "laboratories": _stored(folder / LABORATORIES),
        "policy": _about(policy),
        "provenance": record.stamped(
            predictions={
                protocol: {name: dict(each.meta) for name, each in by_backbone.items()}
                for protocol, by_backbone in stored.items()
            }
        ),
    }
    for protocol in sorted(
        stored, key=lambda name: (PROTOCOLS.index(name) if name in PROTOCOLS else 9, name)
    ):
        study = Study(stored[protocol], loaded, folder)
        if protocol.startswith(OUTSIDE):
            report["outside"][protocol.removeprefix(OUTSIDE)] = study.outside()
        else:
            report["ways"][protocol] = study.protocol()
            report["cams"][protocol] = study.cams()
            probes, stress = study.changes(stored[protocol])
            report["probes"] = report["probes"] or probes
            report["stress"] = report["stress"] or stress
    report["cams"] = report["cams"] or None
    figures: dict[str, Any] = rounded(report)
    return figures


def rounded(value: Any) -> Any:
    """Return figures with floats of six significant digits: more would be noise and bytes."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


def _stored(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _about(policy: Path) -> dict[str, Any]:
    content = json.loads(policy.read_text(encoding="utf-8"))
    return {
        "version": content["version"],
        "sha256": hashlib.sha256(policy.read_bytes()).hexdigest(),
        "fitted_on": content.get("fitted_on"),
    }
