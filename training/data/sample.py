"""Describes one image of a data set and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES, Label, Subtype


class DatasetError(ValueError):
    """The folder or its split.csv cannot be used as it is."""


@dataclass(frozen=True)
class Sample:
    """One image of a data set."""

    path: Path
    subtype: Subtype | None
    """None for a malignant image of unknown stage: some sets tell only benign from malignant."""
    group: str = ""
    """Samples of one group share cells; an interval over samples must resample whole groups."""
    slide: str = ""
    part: str = ""
    """What the column ``split`` of split.csv says; empty where there is no split.csv."""
    guard: bool = False
    """Shot right beside a held-out image: no training image of the protocol "known"."""
    patient: str = ""
    """Whose cells these are; empty where nobody knows."""

    @property
    def label(self) -> Label:
        """Whether the image is benign or malignant."""
        return Label.MALIGNANT if self.subtype is None else self.subtype.label

    @property
    def named(self) -> str:
        """The class as it is written: benign, early_pre_b, pre_b, pro_b or malignant."""
        return self.label.value if self.subtype is None else self.subtype.value

    @property
    def target(self) -> int:
        """The index of the class in every probability tensor.

        Raises:
            DatasetError: the image is malignant of unknown stage, which is none of four classes.
        """
        if self.subtype is None:
            raise DatasetError(
                f"{self.path} is malignant of unknown stage: it can be scored as benign or "
                "malignant (Sample.label), but four classes cannot be learned or scored on it"
            )
        return SUBTYPES.index(self.subtype)


def counts(samples: Sequence[Sample]) -> dict[str, int]:
    """Return how many images each class has; "malignant" only if some have no known stage."""
    names = [each.value for each in SUBTYPES]
    if any(sample.subtype is None for sample in samples):
        names.append(Label.MALIGNANT.value)
    return {name: sum(sample.named == name for sample in samples) for name in names}


def targets(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """Return the class index of each sample, int64 [n].

    Raises:
        DatasetError: a stage is unknown.
    """
    return np.array([sample.target for sample in samples], np.int64)
