"""The study as a table: one row an idea."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = ("idea", "source", "tested", "AUROC", "balanced", "called malignant", "ECE")
DOUBT_HEAD = ("idea", "may be wrong", "left out", "without review", "wrong")


def together_rows(study: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return the cells of the table of several cells read together, as text."""
    parts = {
        title: {"laboratories": of["laboratories"]}
        for title, of in study["evaluated"]["together"].items()
    }
    return rows({"evaluated": {"pictures": parts}}, "laboratories")


def rows(study: Mapping[str, Any], protocol: str) -> list[Sequence[str]]:
    """Return the cells of the table of one protocol, as text."""
    table: list[Sequence[str]] = []
    for idea, by_protocol in study["evaluated"]["pictures"].items():
        for source, found in by_protocol[protocol].items():
            table.append(
                (
                    idea,
                    source,
                    f"{found['pictures']} of {found['groups']} groups",
                    figure(found["auroc"]),
                    figure(found["balanced_accuracy"]),
                    figure(found["called_malignant"]),
                    figure(found["ece"]),
                )
            )
    return table


def review_rows(study: Mapping[str, Any]) -> list[Sequence[str]]:
    """Cells of the table of what goes without review, as text."""
    return [
        (
            idea,
            f"{float(level):.0%}",
            source,
            f"{found['without_review']} of {found['pictures']}",
            str(found["wrong"]),
        )
        for idea, parts in study["evaluated"]["pictures"].items()
        for level, by_source in parts["doubt"].items()
        for source, found in by_source.items()
    ]


def figure(found: Mapping[str, Any] | None) -> str:
    """Return a figure with its interval, as far as there are any."""
    if found is None or found["value"] is None:
        return ""
    if found["interval"] is None:
        return f"{found['value']:.3f}"
    low, high = found["interval"]
    return f"{found['value']:.3f} ({low:.2f} to {high:.2f})"
