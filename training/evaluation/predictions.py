"""Stores what one backbone said about every image of one protocol, as numbers in one file.

``FOLDER/<protocol>/<backbone>.npz`` holds everything the report needs, so that it can be rebuilt
without images and without backbones. The protocols are known, random and slides
(``training.data.protocols``), and ``outside-<name>`` for sets of other laboratories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES, SUBTYPES
from training.evaluation import npz
from training.evaluation.npz import PredictionsError

__all__ = ["Predictions", "PredictionsError", "Variant", "load", "load_all", "save"]

OUTSIDE = "outside-"
"""How the protocol of a set of another laboratory begins."""

UNSTAGED = len(SUBTYPES)
"""The target of a malignant image of unknown stage, in sets of other laboratories alone."""

PARTS = ("val", "test")
HEAT, AREA, HIT = range(3)
"""Columns of ``Predictions.nuclei_heat``."""
VARIANT = ("index", "logits", "quality")
"""Parts of a ``Variant``, as they are named in the file."""
TEXTS = ("paths", "groups", "slides", "folds", "parts")


@dataclass(frozen=True)
class Variant:
    """Answers to changed copies of some of the images (a probe or a stress)."""

    index: npt.NDArray[np.int64]
    """[m], the rows whose images were changed."""
    logits: npt.NDArray[np.float32]
    """[m, 4]"""
    quality: npt.NDArray[np.float32]
    """[m, Q], measured on the changed images."""


@dataclass(frozen=True)
class Predictions:
    """Rows of one protocol and one backbone; a row is one image in one part of one fold."""

    protocol: str
    backbone: str
    paths: npt.NDArray[np.str_]
    """[n], POSIX, relative to the data folder."""
    targets: npt.NDArray[np.int64]
    """[n], class indexes in the order of the contract's SUBTYPES, or ``UNSTAGED``."""
    groups: npt.NDArray[np.str_]
    """[n], images of one group share cells; where none is known, the path itself."""
    slides: npt.NDArray[np.str_]
    """[n], "" where unknown."""
    folds: npt.NDArray[np.str_]
    """[n], the fold whose backbone answered."""
    parts: npt.NDArray[np.str_]
    """[n], "test", or "val" for the rows that temperatures and weights are fitted on."""
    logits: npt.NDArray[np.float32]
    """[n, 4]"""
    quality: npt.NDArray[np.float32]
    """[n, Q], in the order of the contract's QUALITY_FIELDS."""
    nuclei_heat: npt.NDArray[np.float32]
    """[n, 3] of the answered class's activation map: share of its positive heat inside nuclei,
    share of the area that nuclei take, 1 where the hottest place is a nucleus. NaN where there is
    no nucleus or no positive heat."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """By name: ``probe.<family>.<variant>`` or ``stress.<axis>.<strength>``."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Provenance: data, hashes of the masters by fold, versions, seed of the variants' sample."""

    def __post_init__(self) -> None:
        count = len(self.paths)
        shapes = {
            **dict.fromkeys((*TEXTS, "targets"), (count,)),
            "logits": (count, len(SUBTYPES)),
            "quality": (count, self.quality.shape[-1]),
            "nuclei_heat": (count, 3),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                actual = list(getattr(self, name).shape)
                raise PredictionsError(f"{name} has shape {actual}, needed is {list(shape)}")
        if self.backbone not in [each.value for each in BACKBONES]:
            raise PredictionsError(f"unknown backbone {self.backbone!r}")
        if not set(self.parts.tolist()) <= set(PARTS):
            raise PredictionsError(f"parts must be {' or '.join(PARTS)}")
        highest = UNSTAGED if self.protocol.startswith(OUTSIDE) else len(SUBTYPES) - 1
        if count and not 0 <= self.targets.min() <= self.targets.max() <= highest:
            raise PredictionsError(f"targets must be class indexes up to {highest}")
        if not (np.isfinite(self.logits).all() and np.isfinite(self.quality).all()):
            raise PredictionsError("logits or quality values are not finite numbers")
        if len(set(self.keys())) < count:
            raise PredictionsError("an image stands twice in the same part of the same fold")
        for name, variant in self.variants.items():
            self._check_variant(name, variant)

    def _check_variant(self, name: str, variant: Variant) -> None:
        changed = len(variant.index)
        if (
            variant.index.shape != (changed,)
            or variant.logits.shape != (changed, len(SUBTYPES))
            or variant.quality.shape != (changed, self.quality.shape[-1])
        ):
            raise PredictionsError(f"variant {name}: index, logits and quality do not fit together")
        if changed and not 0 <= variant.index.min() <= variant.index.max() < len(self.paths):
            raise PredictionsError(f"variant {name} names rows that are not there")
        if not (np.isfinite(variant.logits).all() and np.isfinite(variant.quality).all()):
            raise PredictionsError(f"variant {name} holds values that are not finite numbers")

    def keys(self) -> list[tuple[str, str, str]]:
        """Return fold, part and path of every row.

        The same image has the same key in every backbone.
        """
        return list(zip(self.folds.tolist(), self.parts.tolist(), self.paths.tolist(), strict=True))


ARRAYS = tuple(
    each.name
    for each in fields(Predictions)
    if each.name not in ("protocol", "backbone", "variants", "meta")
)


def place(folder: Path, protocol: str, backbone: str) -> Path:
    """Return where the predictions of one backbone in one protocol lie."""
    return folder / protocol / f"{backbone}.npz"


def save(predictions: Predictions, folder: Path) -> Path:
    """Write ``folder/<protocol>/<backbone>.npz``, whole or not at all; returns its path."""
    content = {name: getattr(predictions, name) for name in ARRAYS}
    for name, variant in predictions.variants.items():
        content |= {f"variant_{part}/{name}": getattr(variant, part) for part in VARIANT}
    names = {"way": predictions.protocol, "backbone": predictions.backbone}
    content["meta"] = np.array(json.dumps({**predictions.meta, **names}))
    return npz.write(place(folder, predictions.protocol, predictions.backbone), content)


def load(path: Path) -> Predictions:
    """Read what ``save`` wrote.

    Raises:
        PredictionsError: not such a file, or its parts do not fit together.
    """
    with npz.read(path) as content:
        meta = json.loads(str(content.pop("meta")))
        variants = {
            name.removeprefix("variant_index/"): Variant(
                *(content[name.replace("variant_index", f"variant_{part}", 1)] for part in VARIANT)
            )
            for name in content
            if name.startswith("variant_index/")
        }
        return Predictions(
            meta.pop("way"),
            meta.pop("backbone"),
            **{name: content[name] for name in ARRAYS},
            variants=variants,
            meta=meta,
        )


def load_all(folder: Path) -> dict[str, dict[str, Predictions]]:
    """Return all predictions of ``folder`` by protocol and backbone.

    Backbones are in the contract's order.

    Raises:
        PredictionsError: a damaged file, one in the wrong place, or none at all.
    """
    predictions: dict[str, dict[str, Predictions]] = {}
    for protocol in sorted(each for each in folder.glob("*") if each.is_dir()):
        for backbone in BACKBONES:
            path = place(folder, protocol.name, backbone.value)
            if not path.is_file():
                continue
            loaded = load(path)
            if (loaded.protocol, loaded.backbone) != (protocol.name, backbone.value):
                raise PredictionsError(
                    f"{path} holds {loaded.backbone} of the protocol {loaded.protocol!r}; "
                    "it was moved"
                )
            predictions.setdefault(protocol.name, {})[backbone.value] = loaded
    if not predictions:
        raise PredictionsError(
            f"{folder} holds no predictions; python -m training evaluate --save {folder} makes them"
        )
    return predictions
