"""Computes the figures of all probes and all stresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.evaluation.probes import catalogue
from training.evaluation.study.bench import Bench, Changed


def probes(bench: Bench, changed: Mapping[str, Changed], seed: int | None) -> dict[str, Any] | None:
    """Return PROBES of ``training.evaluation.figures``; None where there is no probe."""
    variants = {
        name: bench.probe(name, each)
        for name, each in changed.items()
        if name.startswith(catalogue.PROBE)
    }
    if not variants:
        return None
    families: dict[str, Any] = {}
    for name, each in variants.items():
        families.setdefault(each["family"], {})[name] = each["voters"]
    return {
        "way": bench.aligned.protocol,
        "images": max(each["images"] for each in variants.values()),
        "seed": seed,
        "families": {name: _family(name, each) for name, each in families.items()},
        "variants": variants,
    }


def _family(name: str, variants: Mapping[str, Any]) -> dict[str, Any]:
    last = list(next(iter(variants.values())))[-1]
    flips = {variant: each[last]["label_changed"] for variant, each in variants.items()}
    worst = max(flips, key=lambda variant: flips[variant])
    classes = [each[last]["class_changed"] for each in variants.values()]
    title, expect = catalogue.FAMILIES.get(name, (name, "same"))
    return {
        "title": title,
        "expect": expect,
        "worst": {"variant": worst, "label_changed": flips[worst]},
        "label_changed": float(np.mean(list(flips.values()))),
        "class_changed": float(np.mean(classes)),
    }


def stress(bench: Bench, changed: Mapping[str, Changed], seed: int | None) -> dict[str, Any] | None:
    """Return STRESS of ``training.evaluation.figures``; None where there is no stress."""
    axes: dict[str, dict[float, Changed]] = {}
    for name, each in changed.items():
        if name.startswith(catalogue.STRESS):
            axis, strength = catalogue.strength(name)
            axes.setdefault(axis, {})[strength] = each
    if not axes:
        return None
    axes_figures = {}
    for axis, steps in axes.items():
        title, unit, neutral = catalogue.AXES.get(axis, (axis, "", 0.0))
        first = next(iter(steps.values()))
        points = [bench.stress(strength, each) for strength, each in steps.items()]
        points.append(bench.unchanged(neutral, first.place))
        axes_figures[axis] = {
            "title": title,
            "unit": unit,
            "neutral": neutral,
            "points": sorted(points, key=lambda point: point["strength"]),
        }
    images = max(len(each.place) for steps in axes.values() for each in steps.values())
    return {"way": bench.aligned.protocol, "images": images, "seed": seed, "axes": axes_figures}
