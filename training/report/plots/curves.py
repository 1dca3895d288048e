"""Plots ROC and precision-recall curves of malignant against benign, of a protocol's voters."""

from __future__ import annotations

from typing import Any

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at, score
from training.report.wording import DRAWN, PROTOCOLS, VOTERS, named


def roc(figures: Figures, protocol: str) -> Panel | None:
    """Plot true against false positive rate, with the areas."""
    return _panel(
        figures, protocol, "roc", ("fpr", "tpr"), "roc_area", ("1 - specificity", "Sensitivity")
    )


def precision_recall(figures: Figures, protocol: str) -> Panel | None:
    """Plot precision against recall, with the areas and the share of chance."""
    return _panel(
        figures,
        protocol,
        "pr",
        ("recall", "precision"),
        "pr_area",
        ("Recall", "Precision, malignant"),
    )


def _panel(
    figures: Figures,
    protocol: str,
    kind: str,
    axes: tuple[str, str],
    area: str,
    labels: tuple[str, str],
) -> Panel | None:
    voters = at(figures, "ways", protocol, "voters") or {}
    curves = {voter: curve for voter in DRAWN if (curve := at(voters, voter, kind))}
    if not curves:
        return None
    classes = at(figures, "ways", protocol, "classes") or {}
    counts = {name: at(each, "images") or 0 for name, each in classes.items()}
    benign = counts.get("benign", 0)
    malignant = sum(counts.values()) - benign
    areas = {voter: score(figures, protocol, voter, area) for voter in curves}
    title = f"{named(PROTOCOLS, protocol)}: {'ROC' if kind == 'roc' else 'precision and recall'}"

    def draw(ax: Any) -> None:
        if kind == "roc":
            ax.plot([0, 1], [0, 1], color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED)
        elif malignant:
            chance = malignant / (malignant + benign)
            ax.axhline(chance, color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED)
        for voter, curve in curves.items():
            label = f"{named(VOTERS, voter)} {numbers.decimal(areas[voter].value)}"
            ax.plot(curve[axes[0]], curve[axes[1]], label=label, **marks.line(voter))
        marks.unit_square(ax, *labels)
        corner = "lower right" if kind == "roc" else "lower left"
        ax.legend(loc=corner, title="area", title_fontsize=8, alignment="left", handlelength=2.4)
        ax.set_title(named(PROTOCOLS, protocol))

    listed = "; ".join(f"{named(VOTERS, name)} {each.as_decimal()}" for name, each in areas.items())
    about = (
        f"Malignant ({numbers.count(malignant)} images) against benign "
        f"({numbers.count(benign)}). Areas with 95% intervals: {listed}."
    )
    return Panel(draw, title, about, 4.2, 3.7)
