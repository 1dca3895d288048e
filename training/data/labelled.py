"""Folders with a ``labels.csv`` as samples that can be evaluated: benign or malignant, no stage."""

from __future__ import annotations

from pathlib import Path

from allclient.contract import Subtype
from training.data import pictures
from training.data.sample import DatasetError, Sample


def has_labels(root: Path) -> bool:
    """Return whether ``root`` holds a ``labels.csv``."""
    return (root / pictures.LABELS).is_file()


def by_source(root: Path) -> dict[str, list[Sample]]:
    """Return the samples of ``root`` whose label is known, by their source.

    Raises:
        DatasetError: no label is known, or as of ``pictures.read``.
    """
    found: dict[str, list[Sample]] = {}
    for each in pictures.read(root):
        if each.malignant is not None:
            subtype = None if each.malignant else Subtype.BENIGN
            found.setdefault(each.source, []).append(Sample(each.path, subtype, each.group))
    if not found:
        raise DatasetError(f"{root / pictures.LABELS} names no file as malignant or not")
    return found
