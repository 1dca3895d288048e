"""Predictions and a policy made up for the report's tests; their numbers say nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from allclient.contract import BACKBONES, QUALITY_FIELDS, SUBTYPES
from training.evaluation import predictions
from training.evaluation.predictions import Predictions, Variant

NAMES = tuple(each.value for each in BACKBONES)
CHANGES = (
    "probe.bar_in.small_black-lower_right",
    "probe.bar_out.inpainted",
    "probe.hue.+20",
    "probe.brightness.-15",
    "probe.cells_blanked.background",
    "stress.blur.1",
    "stress.blur.2.5",
)


def protocol(
    folder: Path,
    name: str,
    slides: Mapping[str, tuple[int, int]],
    *,
    backbones: tuple[str, ...] = NAMES,
    skill: float = 4.0,
    leave_out: bool = False,
    changes: tuple[str, ...] = (),
    meta: Mapping[str, str] | None = None,
) -> None:
    """Save predictions of one protocol: ``slides`` gives class index and test images of each slide.

    With ``leave_out`` each slide is a fold of its own, else all are the fold "known". A slide has
    half as many validation images, which belong to the fold before when slides are left out.
    """
    rng = np.random.default_rng(5)
    names = list(slides)
    rows = []
    for place, (slide, (target, count)) in enumerate(slides.items()):
        own, other = (slide, names[place - 1]) if leave_out else ("known", "known")
        for number in range(count + count // 2):
            part, fold = ("test", own) if number < count else ("val", other)
            path, group = f"{slide}/{number}.jpg", f"{slide}-G{number // 3}"
            rows.append((path, target, group, slide, fold, part))
    paths, targets, groups, on, folds, parts = map(np.array, zip(*rows, strict=True))
    common = rng.normal(0, 1.0, (len(rows), len(SUBTYPES)))
    quality = np.full((len(rows), len(QUALITY_FIELDS)), 0.5)
    quality[:, QUALITY_FIELDS.index("pages")] = 1
    count = QUALITY_FIELDS.index("leukocytes")
    quality[:, 1:count] += rng.normal(0, 0.02, (len(rows), count))[:, 1:]
    quality[:, count] = 6
    chosen = np.flatnonzero(parts == "test")[::2]
    for place, backbone in enumerate(NAMES):
        logits = common + rng.normal(0, 1.2, common.shape)
        logits[np.arange(len(rows)), targets] += skill * (0.85 + 0.15 * place)
        heat = rng.uniform((0.3, 0.1, 0), (0.9, 0.3, 1), (len(rows), 3))
        heat[:, 2] = heat[:, 2] > 0.3
        moved = rng.normal(0, 0.8, (len(changes), len(chosen), len(SUBTYPES)))
        if backbone not in backbones:
            continue
        predictions.save(
            Predictions(
                protocol=name,
                backbone=backbone,
                paths=paths,
                targets=targets.astype(np.int64),
                groups=groups,
                slides=on,
                folds=folds,
                parts=parts,
                logits=logits.astype(np.float32),
                quality=quality.astype(np.float32),
                nuclei_heat=heat.astype(np.float32),
                variants={
                    change: Variant(
                        chosen,
                        (logits[chosen] + step).astype(np.float32),
                        quality[chosen].astype(np.float32),
                    )
                    for change, step in zip(changes, moved, strict=True)
                },
                meta={"data": "drawn", "masters": {"known": "ab" * 32}, **(meta or {})},
            ),
            folder,
        )


def policy(path: Path, temperature: Mapping[str, float] | None = None) -> Path:
    """A policy that lets sure answers about fields of ``protocol`` pass."""
    rising = np.linspace(0, 1, 101)
    content = {
        "version": 2,
        "fitted_on": {"note": "nothing"},
        "temperature": temperature or dict.fromkeys(NAMES, 1.0),
        "confidence": {"benign": 0.9, "malignant": 0.9, "subtype": 0.5},
        "ood": {
            "review_above": {"benign": 0.99, "malignant": 0.99},
            "energy_quantiles": (16 * rising - 15).tolist(),
            "look": {
                "fields": ["cells_red", "cells_blue"],
                "known": [[0.5, 0.5]],
                "whitening": np.eye(2).tolist(),
                "quantiles": (4 * rising).tolist(),
            },
        },
        "leukocytes": {"nuclei_share": {"min": 0.01}},
        "quality": {"sharpness": {"min": 0.1}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def judges(folder: Path, served: Path) -> None:
    """The policies of the slides left out, at the temperatures that are fitted to their folds."""
    from training.evaluation import figures
    from training.review import fold_policies as doubt

    for fold, about in figures.compute(folder, served)["ways"]["slides"]["folds"].items():
        policy(doubt.place(folder, fold), about["temperature"])
