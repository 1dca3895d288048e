"""Shows what others report on cells of C-NMC, and how their test cells were chosen."""

from __future__ import annotations

from typing import Final

from training.report.blocks import Table

LITERATURE: Final = (
    (
        "ResNeXt with SE (arXiv 1906.09020)",
        "weighted F1 0.889",
        "the challenge's own test set: other patients, labels never published",
    ),
    (
        "bagging of CNNs",
        "weighted F1 0.84 and 0.88",
        "the challenge's two test sets: other patients",
    ),
    (
        "ResNet-101, nine of them (doi 10.1186/s12859-022-04558-5)",
        "accuracy 85.1%, F1 0.889",
        "from C-NMC; whether patients were kept apart was not checked",
    ),
    (
        "VGG16 with ECA (doi 10.3390/app112210662)",
        "accuracy 91.1%",
        "from C-NMC; whether patients were kept apart was not checked",
    ),
    (
        "EfficientNet-B1 (2026)",
        "AUROC 0.913, ECE 0.024",
        "other patients of the same laboratory; with random splits 0.04 more",
    ),
)


def table() -> Table:
    """Return the published figures."""
    head = ("Published on C-NMC", "Figure", "Which cells were tested")
    caption = "The literature on single cells of Delhi; none leaves the laboratory out"
    return Table(caption, head, LITERATURE, names=3, stack=True)
