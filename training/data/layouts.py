"""Reads the folder layouts that are known, and how each names classes and patients.

kaggle   Folders Benign, Early, Pre and Pro: the Kaggle set "Acute Lymphoblastic Leukemia (ALL)
         image dataset", doi 10.34740/kaggle/dsv/2175623. File names carry no patient.
classes  Folders named after our classes: benign, early_pre_b, pre_b, pro_b, or malignant where
         the stage is unknown.
cnmc     Folders fold_0, fold_1, fold_2 with all/ and hem/ in each: the training set of C-NMC 2019
         (A. Gupta and R. Gupta, The Cancer Imaging Archive, doi 10.7937/tcia.2019.dc64i46r). Names
         are UID_<patient>_<image>_<cell>_all.bmp for leukemic blasts and
         UID_H<patient>_<image>_<cell>_hem.bmp for healthy B-lymphoid precursors; stages are not
         told. These are single cells cut out on black, not fields: what a model trained on fields
         says of them is a test far from home.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from allclient.contract import IMAGE_SUFFIXES, Subtype
from training.data.sample import DatasetError, Sample

KAGGLE = {
    "Benign": Subtype.BENIGN,
    "Early": Subtype.EARLY_PRE_B,
    "Pre": Subtype.PRE_B,
    "Pro": Subtype.PRO_B,
}
CLASSES: dict[str, Subtype | None] = {each.value: each for each in Subtype} | {"malignant": None}
CNMC = {"all": None, "hem": Subtype.BENIGN}
CNMC_FOLD = re.compile(r"fold_\d+")
CNMC_NAME = re.compile(
    r"UID_(?P<patient>H?\d+)_(?P<image>\d+)_\d+_(?P<name>all|hem)", re.IGNORECASE
)
NAMES: dict[str, Subtype | None] = {**KAGGLE, **CLASSES, **CNMC}
"""Every class name that a split.csv may use."""
KNOWN = (
    "Benign, Early, Pre, Pro (Kaggle); benign, early_pre_b, pre_b, pro_b or malignant (one folder "
    "for each class); fold_0, fold_1, ... with all and hem in each (C-NMC 2019)"
)


@dataclass(frozen=True)
class Folders:
    """What the folders of a data set hold."""

    layout: str
    """kaggle, classes or cnmc."""
    samples: list[Sample]
    """In the order of classes and names."""
    passed_over: dict[str, int]
    """Other folders that hold images, and how many."""


def find(root: Path) -> Folders:
    """Find out which layout ``root`` has, and read it.

    Raises:
        DatasetError: none of the layouts, two at once, no image, or a C-NMC file whose name does
            not tell its patient.
    """
    layout = _layout(root)
    samples = _cnmc(root) if layout == "cnmc" else _classes(root, layout)
    if not samples:
        raise DatasetError(f"{root} has the folders of a data set, but no images in them")
    read = {sample.path.relative_to(root).parts[0] for sample in samples}
    others = Counter(
        path.relative_to(root).parts[0]
        for path in images(root)
        if len(path.relative_to(root).parts) > 1
    )
    return Folders(
        layout, samples, {name: n for name, n in sorted(others.items()) if name not in read}
    )


def images(folder: Path) -> list[Path]:
    """Return the image files below ``folder`` in a fixed order, hidden ones left out."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]


def written(root: Path, sample: Sample) -> str:
    """Return the class as split.csv names it: by the sample's folder if that names a class."""
    folders = sample.path.relative_to(root).parts[:-1]
    return next((name for name in folders if name in NAMES), sample.named)


def _layout(root: Path) -> str:
    layouts = _layouts(root)
    if len(layouts) > 1:
        raise DatasetError(
            f"{root} mixes folder names of the layouts {' and '.join(layouts)}; keep one: {KNOWN}"
        )
    if layouts:
        return layouts[0]
    below = [each.name for each in sorted(root.iterdir()) if each.is_dir() and _layouts(each)]
    hint = f"; {root / below[0]} has them, give that folder" if below else ""
    raise DatasetError(f"{root} holds no images in folders named {KNOWN}{hint}")


def _layouts(root: Path) -> list[str]:
    # Names are compared as they are listed: "Benign" and "benign" are one folder on some systems.
    names = {each.name for each in root.iterdir() if each.is_dir()}
    layouts = {
        "kaggle": names & set(KAGGLE),
        "classes": names & set(CLASSES),
        "cnmc": {name for name in names if CNMC_FOLD.fullmatch(name)},
    }
    return [layout for layout, folders in layouts.items() if folders]


def _classes(root: Path, layout: str) -> list[Sample]:
    names = KAGGLE if layout == "kaggle" else CLASSES
    return [
        Sample(path, subtype)
        for name, subtype in names.items()
        if (root / name).is_dir()
        for path in images(root / name)
    ]


def _cnmc(root: Path) -> list[Sample]:
    samples = []
    for fold in sorted(each for each in root.iterdir() if CNMC_FOLD.fullmatch(each.name)):
        for name, subtype in CNMC.items():
            for path in images(fold / name):
                told = CNMC_NAME.fullmatch(path.stem)
                if told is None or told["name"].lower() != name:
                    raise DatasetError(
                        f"{path} is not named like UID_<patient>_<image>_<cell>_{name}.bmp, so its "
                        "patient is not known; move it away"
                    )
                patient = told["patient"].upper()
                samples.append(Sample(path, subtype, f"{patient}_{told['image']}", patient=patient))
    return samples
