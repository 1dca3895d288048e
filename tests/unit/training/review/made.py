"""Made-up quality values, logits and evidence, of which the right answers are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allclient.contract import QUALITY_FIELDS
from training.metrics import classification
from training.review.evidence import Evidence

AT = {name: place for place, name in enumerate(QUALITY_FIELDS)}


def drawn(temperature: float, count: int = 4000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose honest probabilities are softmax(logits / temperature), with such targets."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, (count, 4))
    targets = np.array([rng.choice(4, p=row) for row in classification.softmax(honest)])
    return (honest * temperature).astype(np.float32), targets


def quality(count: int, seed: int = 0, stain: float = 0.45) -> np.ndarray:
    """Fields of one slide: everything varies a little; ``stain`` says how much red they have."""
    rng = np.random.default_rng(seed)
    values = np.zeros((count, len(QUALITY_FIELDS)))
    values[:, : AT["leukocytes"]] = rng.normal(0.45, 0.02, (count, AT["leukocytes"]))
    values[:, AT["leukocytes"]] = 6
    for name in ("background_red", "cells_red", "cells_green"):
        values[:, AT[name]] += stain - 0.45
    values[:, AT["pages"]] = 1
    values[:, AT["sharpness"]] = rng.uniform(50, 900, count)
    values[:, AT["clipped_dark"]] = 0
    values[:, AT["red_cell_size"]] = rng.normal(12, 0.5, count)
    values[:, AT["nuclei_share"]] = rng.uniform(0.01, 0.1, count)
    return values.astype(np.float32)


def evidence(count: int, unit: str = "S1", **changes: object) -> Evidence:
    """Sure, ordinary, right answers, half of them malignant, but for the changes."""
    whole: dict[str, object] = {
        "malignant": np.arange(count) % 2 == 1,
        "wrong_label": np.zeros(count, bool),
        "wrong_class": np.zeros(count, bool),
        "confidence": np.full(count, 0.9999),
        "subtype_confidence": np.full(count, 0.9999),
        "ood": np.full(count, 0.3),
        "settled": np.ones(count, bool),
        "units": np.full(count, unit),
    }
    return Evidence(**{**whole, **changes})


@dataclass
class Answers:
    """One backbone's predictions, as far as calibration reads them."""

    paths: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    slides: np.ndarray
    folds: np.ndarray
    parts: np.ndarray
    logits: np.ndarray
    quality: np.ndarray

    def keys(self) -> list[tuple[str, str, str]]:
        return list(zip(self.folds, self.parts, self.paths, strict=True))

    def taken(self, rows: np.ndarray) -> Answers:
        return Answers(**{name: array[rows] for name, array in vars(self).items()})
