"""Shows what each voter takes for what, and what another threshold would give."""

from __future__ import annotations

from training.report.blocks import Plots, Section, Text, missing
from training.report.plots.confusion import confusion
from training.report.plots.curves import precision_recall, roc
from training.report.reading import Figures
from training.report.wording import DRAWN, PROTOCOLS


def confusions(figures: Figures) -> Section:
    """Return the section on confusion matrices."""
    page_section = Section("confusion", "Confusion matrices")
    page_section.blocks.append(
        Text(
            "Rows are the true class, columns the answer; the percentage is of the row. The thick "
            "lines part benign from malignant: what stands beside them in the first column is a "
            "missed malignancy, in the first row a false alarm."
        )
    )
    for protocol, title in PROTOCOLS.items():
        panels = [confusion(figures, protocol, voter) for voter in DRAWN]
        if any(panels):
            page_section.blocks += [Text(title, "heading"), Plots(panels)]
        else:
            page_section.blocks.append(missing(title))
    return page_section


def thresholds(figures: Figures) -> Section:
    """Return the section on ROC and precision-recall curves."""
    page_section = Section("curves", "ROC and precision-recall")
    page_section.blocks.append(
        Text(
            "Malignant against benign by the probability of any malignant class. The curves say "
            "what other thresholds would give; the served vote has none, it is the majority. "
            "Dashed is chance."
        )
    )
    for protocol, title in PROTOCOLS.items():
        panels = [roc(figures, protocol), precision_recall(figures, protocol)]
        if any(panels):
            page_section.blocks += [Text(title, "heading"), Plots(panels)]
        else:
            page_section.blocks.append(missing(title))
    return page_section
