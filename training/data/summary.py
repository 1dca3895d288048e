"""Summarises what is in a data set, and what to know before a score on it is trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.data import layouts, leaks, listing, samples
from training.data.relatives.search import Relatives, joined, search
from training.data.sample import DatasetError, Sample, counts


@dataclass(frozen=True)
class Contents:
    """A data set before its images are compared."""

    root: Path
    layout: str
    """kaggle, classes or cnmc; "other" where only split.csv says what the images are."""
    samples: list[Sample]
    level: str
    """What split.csv keeps apart; empty without one."""
    passed_over: dict[str, int]
    """Folders with images that are no class's."""
    unlisted: list[str]
    """Images in class folders that split.csv does not list."""

    @property
    def fields(self) -> bool:
        """Whether the images are fields, which can overlap, and not single cells."""
        return self.layout != "cnmc"


def contents(root: Path) -> Contents:
    """Return the contents of ``root``.

    Raises the errors of ``samples.read``.
    """
    listed = (root / listing.FILE).is_file()
    every = samples.every(root)
    try:
        folders = layouts.find(root)
    except DatasetError:
        if not listed:
            raise
        return Contents(root, "other", every, samples.level(root), {}, [])
    known = {sample.path for sample in every}
    unlisted = [s.path.relative_to(root).as_posix() for s in folders.samples if s.path not in known]
    level = samples.level(root) if listed else ""
    return Contents(root, folders.layout, every, level, folders.passed_over, unlisted)


def summarise(
    folders: Contents, tell: Callable[[int], object] = lambda steps: None
) -> dict[str, object]:
    """Return all that is told of a data set, ready for JSON; reads and compares every image."""
    relatives = search(folders.samples, moved=folders.fields, tell=tell)
    kept, pairs = relatives.samples, relatives.pairs
    units = joined(len(kept), pairs)
    names = [sample.path.relative_to(folders.root).as_posix() for sample in kept]
    return {
        "layout": folders.layout,
        "images": len(folders.samples),
        "classes": counts(folders.samples),
        "slides": dict(sorted(Counter(s.slide for s in folders.samples if s.slide).items())),
        "patients": len({s.patient for s in folders.samples if s.patient}),
        "passed_over": folders.passed_over,
        "unlisted": folders.unlisted,
        "unreadable": {
            path.relative_to(folders.root).as_posix(): why
            for path, why in relatives.unreadable.items()
        },
        "pairs": {
            "equal": len(relatives.equal),
            "near": len(relatives.near),
            "overlapping": len(relatives.overlapping) if folders.fields else None,
            "unsure": len(relatives.unsure) if folders.fields else None,
        },
        "groups": len(set(units.tolist())),
        "with_relative": len({index for pair in pairs for index in pair}) / max(1, len(kept)),
        "contradictions": [
            [names[i], names[j]] for i, j in pairs if kept[i].named != kept[j].named
        ],
        "random_split_leaks": leaks.of_random_splits(relatives) if kept else None,
        "split": _split(folders, relatives, names),
    }


def _split(folders: Contents, relatives: Relatives, names: list[str]) -> dict[str, object] | None:
    if not folders.level:
        return None
    parts = [
        "guard" if sample.part == "train" and sample.guard else sample.part
        for sample in relatives.samples
    ]
    return {
        "level": folders.level,
        "parts": dict(Counter(parts)),
        "leaks": leaks.share(relatives, parts),
        "across": [
            sorted((f"{names[i]} ({parts[i]})", f"{names[j]} ({parts[j]})"))
            for i, j in relatives.pairs
            if {parts[i], parts[j]} in ({"train", "test"}, {"train", "val"}, {"val", "test"})
        ],
    }
