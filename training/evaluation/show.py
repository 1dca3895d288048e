"""Shows the figures of one protocol on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from training.evaluation import summary

ROWS = summary.ROWS | {"ece": "ECE of the label"}


def protocol(name: str, figures: dict[str, Any], console: Console) -> None:
    """Print WAY of ``training.evaluation.figures``: scores with their intervals, and the review."""
    table = Table(title=f"{name}: {figures['images']} images, {figures['groups']} groups")
    table.add_column("")
    for voter in figures["voters"]:
        table.add_column(voter, justify="right")
    for key, title in ROWS.items():
        table.add_row(title, *(_cell(each, key) for each in figures["voters"].values()))
    console.print(table)
    if figures["review"] is not None:
        review(figures["review"], console)
    missing(figures["missing"], console)


def outside(name: str, figures: dict[str, Any], console: Console) -> None:
    """Print OUTSIDE of ``training.evaluation.figures``."""
    called = ", ".join(
        f"{voter} {percent(each['called_malignant_share'])}"
        for voter, each in figures["voters"].items()
    )
    console.print(f"{name}: {figures['images']} images; called malignant: {called}")
    labels = {voter: each["label"] for voter, each in figures["voters"].items() if each["label"]}
    if labels:
        areas = ", ".join(
            f"{voter} {each['roc_area']['value']:.3f} / "
            f"{percent(each['binary_balanced_accuracy']['value'])}"
            for voter, each in labels.items()
        )
        console.print(f"AUROC / balanced accuracy of benign and malignant: {areas}")
    if figures["review"] is not None:
        console.print(
            f"malignant without review: {figures['malignant_without_review']} images, "
            f"{percent(figures['malignant_without_review_share'])}"
        )
        review(figures["review"], console)
    missing(figures["missing"], console)


def cost(figures: dict[str, Any], console: Console) -> None:
    """Print COST of the figures."""
    table = Table(title=f"cost ({figures['cpu']}, {figures['threads']} thread)")
    for title in ("", "parameters", "MACs", "master", "INT8", "ms an image", "relative"):
        table.add_column(title, justify="right")
    for name, each in figures["backbones"].items():
        table.add_row(
            name,
            f"{each['parameters'] / 1e6:.1f} M",
            f"{each['macs'] / 1e9:.2f} G",
            f"{each['master_bytes'] / 1e6:.1f} MB",
            f"{each['ir_bytes'] / 1e6:.1f} MB",
            f"{each['latency_ms']['median']:.1f}",
            f"{each['relative_latency']:.2f}",
        )
    console.print(table)


def review(figures: dict[str, Any], console: Console) -> None:
    """Return REVIEW of the figures in a sentence."""
    alone = figures["without_review"]
    reasons = ", ".join(f"{name} {count}" for name, count in figures["reasons"].items())
    console.print(
        f"review asked for {percent(figures['review'])} ({reasons or 'none'}); "
        f"{alone['images']} answers without review, {percent(alone['wrong_class_share'])} of them "
        f"of a wrong class; {alone['malignant_called_benign']} malignant called benign, "
        f"{alone['benign_called_malignant']} benign called malignant"
    )


def missing(names: list[str], console: Console) -> None:
    """Print what is missing, a line each."""
    for name in names:
        console.print(f"missing: {name}", markup=False)


def percent(value: float | None) -> str:
    """Return a share as a percentage, or ``-`` for what was not measured."""
    return "-" if value is None else f"{value:.1%}"


def _cell(voter: dict[str, Any], key: str) -> str:
    value, interval = percent(voter["scores"][key]), voter["intervals"][key]
    if interval is None:
        return value
    return f"{value} ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})"
