"""Makes the folds of the protocols: which images are learned from, choose the weights, are tested.

``known`` tests new fields of slides that training saw, ``random`` is what the literature does
(fields that share cells fall on both sides), ``slides`` leaves whole slides out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.sample import DatasetError, Sample, counts
from training.data.samples import PARTS, every, level

PROTOCOLS = ("known", "random", "slides")
RANDOM_SHARES = {"test": 0.20, "val": 0.12}
MIN_IMAGES = 100
"""A slide with fewer images is no test of its own."""
MIN_LEFT = 0.25
"""Without the slide, this share of its class must be left to learn from, or the fold would test
the lack of images and not the change of slide."""
VAL_SHARE = 0.15
"""Share of the rest that validates a class whose validation images left with the slide."""


@dataclass(frozen=True)
class Fold:
    """One division of the images into "train", "val" and "test"."""

    name: str
    parts: dict[str, list[Sample]]
    """Samples of "train", "val" and "test", in the order of the data set."""
    level: str = ""
    """What no two parts share, for the record: slide, patient, group, or image (nothing)."""


def folds(
    root: Path, protocol: str, *, seed: int = 0, left_out: Sequence[str] | None = None
) -> list[Fold]:
    """Return the folds of one protocol.

    known   one fold "known": the columns split and guard of split.csv.
    random  one fold "random": of each class 68% train, 12% val, 20% test, drawn by ``seed`` from
            all images, overlapping and equal ones too.
    slides  one fold a slide, named after it: test is the whole slide, val the other slides'
            column val, train all the rest without guard images. Slides are those with
            ``MIN_IMAGES`` images whose class keeps ``MIN_LEFT`` of its images. ``left_out``
            names folds instead; "Benign-S01+Early-S01" leaves two slides out together.

    No group stands on both sides of a slides fold. A class whose validation images all lie on the
    slides left out gets whole groups of its training images (``VAL_SHARE``, drawn by ``seed``) for
    validation: a choice of weights that never sees a class would drop that class.

    Raises:
        DatasetError: the data lacks what the protocol needs, a slide is unknown, or malignant
            images have no stage: nothing can be learned from those.
    """
    if protocol not in PROTOCOLS:
        raise DatasetError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if left_out is not None and protocol != "slides":
        raise DatasetError(
            f"slides can be left out only by the protocol 'slides', not by {protocol!r}"
        )
    samples = every(root)
    unstaged = sum(sample.subtype is None for sample in samples)
    if unstaged:
        raise DatasetError(
            f"{root} has {unstaged} malignant images of unknown stage, so four classes cannot be "
            f"trained on it ({counts(samples)}); it can be scored as benign or malignant"
        )
    if protocol == "random":
        return [Fold("random", random_parts(samples, seed), "image")]
    if not samples[0].part:
        raise DatasetError(
            f"{root} has no split.csv, which the protocol {protocol!r} needs; "
            "python -m training split --data ... writes one"
        )
    if protocol == "known":
        kept = [s for s in samples if s.part != "train" or not s.guard]
        parts = {part: [s for s in kept if s.part == part] for part in PARTS}
        return [Fold("known", parts, level(root))]
    names = testable(samples) if left_out is None else list(left_out)
    if not names:
        raise DatasetError(
            f"{root}: no slide can be left out; a slide needs a name in the column slide, "
            f"{MIN_IMAGES} images, and other slides of its class"
        )
    return [Fold(name, _without(samples, name, seed), "slide") for name in names]


def testable(samples: Sequence[Sample]) -> list[str]:
    """Return the names of the slides that can be left out one by one, in alphabetical order."""
    on_slide = Counter((s.slide, s.named) for s in samples)
    in_class = Counter(s.named for s in samples)
    sizes = Counter(s.slide for s in samples)
    return sorted(
        slide
        for slide, size in sizes.items()
        if slide
        and size >= MIN_IMAGES
        and all(
            in_class[named] - samples_on_slide >= MIN_LEFT * in_class[named]
            for (name, named), samples_on_slide in on_slide.items()
            if name == slide
        )
    )


def random_parts(samples: Sequence[Sample], seed: int) -> dict[str, list[Sample]]:
    """Return the parts of the protocol "random" for any samples."""
    generator = np.random.default_rng(seed)
    part = {}
    for name in sorted({s.named for s in samples}):
        of_class = sorted((s for s in samples if s.named == name), key=lambda s: s.path)
        shuffled = generator.permutation(len(of_class))
        tests = round(RANDOM_SHARES["test"] * len(of_class))
        vals = round(RANDOM_SHARES["val"] * len(of_class))
        for place, index in enumerate(shuffled):
            held = "test" if place < tests else "val" if place < tests + vals else ""
            part[of_class[index].path] = held or "train"
    return {each: [s for s in samples if part[s.path] == each] for each in PARTS}


def _without(samples: Sequence[Sample], name: str, seed: int) -> dict[str, list[Sample]]:
    slides = set(name.split("+"))
    unknown = slides - {s.slide for s in samples if s.slide}
    if unknown:
        known = ", ".join(sorted({s.slide for s in samples if s.slide})) or "none"
        raise DatasetError(f"no slide {', '.join(sorted(unknown))}; the slides are: {known}")
    test = [s for s in samples if s.slide in slides]
    relatives = {s.group for s in test if s.group}
    rest = [s for s in samples if s.slide not in slides and s.group not in relatives]
    usable = [s for s in rest if s.part == "val" or not s.guard]
    train = [s for s in usable if s.part != "val"]
    validated = {s.named for s in usable if s.part == "val"}
    moved: set[str] = set()
    for named in sorted({s.named for s in samples} - validated):
        moved |= _groups_for_validation(train, named, name, seed)
    val = [s for s in usable if s.part == "val" or _group(s) in moved]
    return {"train": [s for s in train if _group(s) not in moved], "val": val, "test": test}


def _groups_for_validation(train: Sequence[Sample], named: str, name: str, seed: int) -> set[str]:
    sizes = Counter(_group(s) for s in train if s.named == named)
    if len(sizes) < 2:
        raise DatasetError(
            f"without {name} too little of {named} is left to learn from and to validate on"
        )
    moved: set[str] = set()
    for group in np.random.default_rng(seed).permutation(sorted(sizes)):
        if moved and sum(sizes[each] for each in moved) >= VAL_SHARE * sizes.total():
            break
        if len(moved) < len(sizes) - 1:
            moved.add(str(group))
    return moved


def _group(sample: Sample) -> str:
    return sample.group or str(sample.path)
