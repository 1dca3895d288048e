"""Tells what the models cost, how the figures were made, and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Section, Table, Text, missing
from training.report.reading import Figures, at
from training.report.wording import BACKBONE_NAMES, PROTOCOLS, VOTERS, named, ordered


def cost(figures: Figures) -> Section:
    """Return the section on cost."""
    page_section = Section("cost", "Cost")
    backbones = at(figures, "cost", "backbones")
    if not backbones:
        page_section.blocks.append(missing("Parameters, operations, latency and size"))
        return page_section
    rows = []
    for name in BACKBONE_NAMES:
        each = at(backbones, name) or {}
        median, low, high = (at(each, "latency_ms", key) for key in ("median", "p10", "p90"))
        spread = f" ({numbers.number(low)}-{numbers.number(high)})" if numbers.known(low) else ""
        relative = each.get("relative_latency")
        rows.append(
            [
                VOTERS[name],
                numbers.number(each.get("parameters")),
                numbers.number(each.get("macs")),
                numbers.number(each.get("flops")),
                numbers.size(each.get("master_bytes")),
                numbers.size(each.get("ir_bytes")),
                numbers.number(median, "ms") + (spread if numbers.known(median) else ""),
                f"{numbers.number(relative)} x" if numbers.known(relative) else numbers.MISSING,
            ]
        )
    head = (
        "Backbone",
        "Parameters",
        "MACs",
        "FLOPs",
        "Master",
        "Served IR",
        "Latency, median (10-90%)",
        "Relative",
    )
    page_section.blocks.append(Table("One image of 224 x 224 pixels", head, rows))
    about = at(figures, "cost") or {}
    if about.get("rule"):
        page_section.blocks.append(Text(str(about["rule"]), "note"))
    parts = [str(about["cpu"])] if about.get("cpu") else []
    for key, name in (("threads", "threads"), ("runs", "runs")):
        if numbers.known(about.get(key)):
            parts.append(f"{numbers.count(about[key])} {name}")
    parts += [f"{name} {value}" for name, value in (about.get("versions") or {}).items()]
    if parts:
        page_section.blocks.append(Text("; ".join(parts) + ".", "note"))
    return page_section


def method(figures: Figures) -> Section:
    """Return the section on how the figures were made."""
    boot = at(figures, "bootstrap") or {}
    level = numbers.percent(boot.get("level"))
    drawn = numbers.count(boot.get("resamples"))
    return Section(
        "method",
        "How the figures were made",
        [
            Text(
                f"Intervals: {boot.get('method', '')} bootstrap, {drawn} resamples "
                f" of whole {boot.get('unit', 'group')}s within each "
                f"{boot.get('strata', 'class')}, level {level}, seed {boot.get('seed')}. A group "
                "holds fields that share cells, so that copies of one view do not count as many. "
                "Where a figure is the same in all resamples (nothing failed), or a class has a "
                "single group, there is no interval: one of no width would claim too much."
            ),
            Text(
                "Temperatures and weights of the fusions are fitted on the validation part of each "
                "fold, never on its test part. The fusions: majority of the three answers (what is "
                "served), mean of the calibrated probabilities, mean weighted by validation, and "
                "fuzzy ranks."
            ),
            Text(
                "The report is computed from saved predictions alone: python -m training report "
                "rebuilds every figure, plot and the model card from them."
            ),
        ],
    )


def provenance(figures: Figures) -> Section:
    """Return the section on what the figures were made from."""
    page_section = Section("provenance", "Provenance")
    rows = [
        [name, str(value)] for name, value in _flat(at(figures, "provenance") or {}, "predictions")
    ]
    rows += [[f"policy: {name}", str(value)] for name, value in _flat(at(figures, "policy") or {})]
    if not rows:
        page_section.blocks.append(missing("Provenance"))
        return page_section
    page_section.blocks.append(Table("This report", ["", ""], rows, names=2))
    for protocol, backbones in (at(figures, "provenance", "predictions") or {}).items():
        page_section.blocks += _predictions(protocol, backbones)
    page_section.blocks += _folds(figures)
    return page_section


def _predictions(protocol: str, backbones: Mapping[str, Any]) -> Iterator[Block]:
    rows = [
        [named(VOTERS, backbone), name, str(value)]
        for backbone in ordered(VOTERS, backbones)
        for name, value in _flat(backbones[backbone] or {})
    ]
    if rows:
        head = ("Backbone", "What", "Value")
        yield Table(f"Predictions, {named(PROTOCOLS, protocol).lower()}", head, rows, names=3)


def _folds(figures: Figures) -> Iterator[Block]:
    rows = []
    for protocol, title in PROTOCOLS.items():
        for fold, each in (at(figures, "ways", protocol, "folds") or {}).items():
            parts = [numbers.count(each.get("images")), numbers.count(each.get("val_images"))]
            for key in ("temperature", "weights"):
                values = each.get(key) or {}
                parts.append(", ".join(numbers.number(values.get(name)) for name in BACKBONE_NAMES))
            rows.append([title, fold, *parts])
    if rows:
        names = ", ".join(VOTERS[name] for name in BACKBONE_NAMES)
        head = ("Protocol", "Fold", "Test images", "Validation images", "Temperatures", "Weights")
        yield Table(f"Folds; temperatures and weights of {names}", head, rows, names=2)


def _flat(nested: Mapping[str, Any], *without: str, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested dicts with dotted names; long lists by their length."""
    for name, value in nested.items():
        if name in without:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, before=f"{before}{name}.")
        elif isinstance(value, list) and len(value) > 6:
            yield f"{before}{name}", f"{len(value)} values"
        else:
            yield f"{before}{name}", value
