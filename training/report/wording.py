"""Names what is in the figures for readers, and orders it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

VOTE: Final = "majority"
"""The voter that the server runs."""
BACKBONE_NAMES: Final = ("mobilenet", "xception", "inception_v3")
FUSIONS: Final = ("majority", "mean", "weighted", "fuzzy_rank")
VOTERS: Final = {
    "majority": "Vote (majority)",
    "mobilenet": "MobileNet",
    "xception": "Xception",
    "inception_v3": "InceptionV3",
    "mean": "Mean",
    "weighted": "Weighted mean",
    "fuzzy_rank": "Fuzzy rank",
}
DRAWN: Final = (VOTE, *BACKBONE_NAMES)
"""Voters in plots of curves: the other fusions lie on the vote's and stand in the tables."""
PROTOCOLS: Final = {
    "slides": "Leave one slide out",
    "known": "Known slides",
    "random": "Random split",
}
"""The honest one first."""
PROTOCOL_MEANS: Final = {
    "slides": "Trained without a slide, tested on it. What to expect when the stain and the slide "
    "are new: the figure that counts.",
    "known": "New fields of slides that were seen in training. On this set the stain tells the "
    "slide and the slide tells the class, so a good figure says little about a new slide.",
    "random": "Fields drawn at random. Comparable with the literature and inflated: neighbouring "
    "fields share cells, so test images were partly seen in training.",
}
OWN_MEANS: Final = {
    **PROTOCOL_MEANS,
    "known": "The test part of split.csv, which no backbone saw in training. What it shares with "
    "the rest, a slide or a patient, depends on what the split keeps apart.",
}
"""The same for other images than the released ones."""
LEFT_OUT: Final = {
    "laboratories": "The laboratory",
    "groups": "Slides and patients",
    "known": "New fields of known slides",
    "random": "Random pictures",
}
"""Protocols of cells, by what the heads did not see; the honest one first."""
SETS: Final = {
    "all-smears": "Tehran, fields",
    "all-smears, cells": "Tehran, cells by their field's label",
    "cnmc2019": "Delhi, cells",
    "cnmc2019, 10 cells": "Delhi, ten cells of a patient",
    "outside": "evaluate only, together",
}
PLACES: Final = {
    "all-smears": "Tehran",
    "cnmc2019": "Delhi",
    "delhi": "Delhi",
    "outside": "evaluate only",
}
CLASSES: Final = {
    "benign": "Benign",
    "early_pre_b": "Early pre-B",
    "pre_b": "Pre-B",
    "pro_b": "Pro-B",
}
REASONS: Final = {
    "disagreement": "the backbones disagree",
    "low_confidence": "low confidence",
    "out_of_distribution": "unlike the training images",
    "poor_quality": "poor image quality",
    "no_leukocytes": "no nucleus of a white cell found",
    "few_leukocytes": "too few leukocytes",
    "scale": "red cells of another size",
    "first_page_only": "only the first page was read",
}
SCORES: Final = {
    "accuracy": "Accuracy, four classes",
    "balanced_accuracy": "Balanced accuracy, four classes",
    "macro_precision": "Precision, mean of classes",
    "macro_f1": "F1, mean of classes",
    "mcc": "MCC, four classes",
    "binary_accuracy": "Accuracy, benign/malignant",
    "binary_balanced_accuracy": "Balanced accuracy, benign/malignant",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "malignant_precision": "Precision, malignant",
    "malignant_f1": "F1, malignant",
    "binary_mcc": "MCC, benign/malignant",
    "roc_area": "ROC area",
    "pr_area": "PR area",
    "ece": "Calibration error (ECE)",
    "ece_equal_mass": "ECE, bins of equal size",
    "brier": "Brier score, four classes",
    "nll": "Negative log likelihood",
    "label_brier": "Brier score, benign/malignant",
}
SHARES: Final = frozenset(
    {
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_f1",
        "binary_accuracy",
        "binary_balanced_accuracy",
        "sensitivity",
        "specificity",
        "malignant_precision",
        "malignant_f1",
    }
)
"""Scores that are shown as percentages."""


def named(names: dict[str, str], name: str) -> str:
    """Return the readers' name; an unknown one is shown as it is."""
    return names.get(name, name.replace("_", " "))


def ordered(names: dict[str, str], items: Iterable[str]) -> list[str]:
    """Return ``found`` in the order of ``names``, unknown ones after them alphabetically."""
    place = {name: index for index, name in enumerate(names)}
    return sorted(items, key=lambda name: (place.get(name, len(place)), name))
