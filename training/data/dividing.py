"""Divides a data set into train, val and test by whole units: patients, groups or single files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data import layouts
from training.data.listing import PARTS
from training.data.relatives.search import Relatives, joined
from training.data.sample import DatasetError, Sample

NOBODY_KNOWS = (
    "a patient-level split cannot be claimed without patient ids; give --patients, a table that "
    "names the patient of every image, or split by --level group"
)
SHARES = {"train": 0.70, "val": 0.12, "test": 0.18}


def rows(root: Path, relatives: Relatives, level: str, seed: int) -> list[dict[str, str]]:
    """Return the rows of split.csv for every readable image, split at ``level`` (see LEVELS).

    image    equal files stay together, nothing else.
    group    and so does everything that shares cells.
    patient  and so do all images of a patient.

    Training images that perhaps overlap a held-out one have guard 1.

    Raises:
        DatasetError: one class only, a class in too few units for three parts, or images without
            a patient at the level of patients.
    """
    samples = relatives.samples
    if level == "patient" and not all(sample.patient for sample in samples):
        raise DatasetError(NOBODY_KNOWS)
    numbers = joined(len(samples), relatives.pairs, [sample.group for sample in samples])
    groups = [f"G{number:05}" for number in numbers]
    patients = [sample.patient for sample in samples]
    units = {
        "image": lambda: joined(len(samples), relatives.equal),
        "group": lambda: numbers,
        "patient": lambda: joined(len(samples), [], groups, patients),
    }[level]()
    parts = divide(samples, units.tolist(), level, seed)
    guarded = _guarded(relatives, parts)
    columns = {
        "slide": [sample.slide for sample in samples],
        "patient": patients,
        "group": groups if level != "image" else [],
    }
    return [
        {
            "path": sample.path.relative_to(root).as_posix(),
            "class": layouts.written(root, sample),
            **{name: values[index] for name, values in columns.items() if any(values)},
            "sha256": relatives.sha256[index],
            "split": parts[index],
            "guard": str(int(index in guarded)),
            "level": level,
        }
        for index, sample in enumerate(samples)
    ]


def oddities(root: Path, relatives: Relatives) -> list[str]:
    """Return what cannot be true of related images: cells of two classes, cells of two patients."""
    lines = []
    for told, key in (("classes", "named"), ("patients", "patient")):
        odd = [
            (one, other)
            for one, other in (
                (relatives.samples[i], relatives.samples[j]) for i, j in relatives.pairs
            )
            if getattr(one, key) != getattr(other, key)
        ]
        if odd:
            names = " and ".join(
                f"{each.path.relative_to(root).as_posix()} ({getattr(each, key)})"
                for each in odd[0]
            )
            lines.append(f"same cells, two {told}: {names}; {len(odd)} such pairs, kept together")
    return lines


def divide(samples: Sequence[Sample], units: Sequence[int], level: str, seed: int) -> list[str]:
    """Return the part of each sample, whole units together, classes near ``SHARES`` in every part.

    Large units are placed first, each where its classes lack most; equal ones in random order.

    Raises:
        DatasetError: one class only, or a class in fewer units than there are parts.
    """
    members: dict[int, Counter[str]] = {}
    for sample, unit in zip(samples, units, strict=True):
        members.setdefault(unit, Counter())[sample.named] += 1
    left = Counter(name for classes in members.values() for name in classes)
    if len(left) < 2:
        raise DatasetError(f"there is one class only ({', '.join(left)}): nothing to tell apart")
    for name, count in sorted(left.items()):
        if count < len(PARTS):
            raise DatasetError(
                f"{name} comes from {count} {level}{'s' * (count > 1)} only; train, val and test "
                f"need at least one each, so a split by {level} is not possible"
            )
    total = Counter(sample.named for sample in samples)
    lack = {part: {name: SHARES[part] * total[name] for name in total} for part in PARTS}
    without = {name: set(PARTS) for name in total}
    placed: dict[int, str] = {}
    shuffled = np.random.default_rng(seed).permutation(sorted(members)).tolist()
    for unit in sorted(shuffled, key=lambda each: -members[each].total()):
        classes = members[unit]
        # The last units of a class go where there is none of it yet.
        due = [without[n] for n in classes if without[n] and left[n] <= len(without[n])]
        open_to = [part for part in PARTS if all(part in each for each in due)] or list(PARTS)
        part = max(open_to, key=lambda p: sum(lack[p][n] * k for n, k in classes.items()))
        placed[unit] = part
        for name, count in classes.items():
            lack[part][name] -= count
            left[name] -= 1
            without[name].discard(part)
    empty = sorted(name for name, parts in without.items() if parts)
    if empty:
        raise DatasetError(
            f"{', '.join(empty)} could not be placed in train, val and test alike: too many of "
            f"its images belong together in a split by {level}"
        )
    return [placed[unit] for unit in units]


def _guarded(relatives: Relatives, parts: Sequence[str]) -> set[int]:
    """Return the training images that perhaps overlap one of val or test."""
    return {
        image
        for pair in relatives.unsure
        for image, other in (pair, pair[::-1])
        if parts[image] == "train" != parts[other]
    }
