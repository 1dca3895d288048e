"""Reads answers to slides that the answering backbones were trained without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES, QUALITY_FIELDS
from training.review.evidence import Rows


class LeftOutError(ValueError):
    """No rows can be made of these predictions; the message says why."""


class Answers(Protocol):
    """One backbone's predictions, as ``training.evaluation.predictions`` stores them."""

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The class index of each row, [n]."""

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """The group of each row, whose members share cells, [n]."""

    @property
    def slides(self) -> npt.NDArray[np.str_]:
        """The slide of each row, [n]."""

    @property
    def folds(self) -> npt.NDArray[np.str_]:
        """The fold of each row, [n]."""

    @property
    def parts(self) -> npt.NDArray[np.str_]:
        """The part of each row, "val" or "test", [n]."""

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """The backbone's logits [n, 4]."""

    @property
    def quality(self) -> npt.NDArray[np.float32]:
        """The quality values [n, Q]."""

    def keys(self) -> list[tuple[str, str, str]]:
        """Return fold, part and path of every row."""


@dataclass(frozen=True)
class LeftOut:
    """One fold: backbones that never saw its slides."""

    name: str
    val: Rows
    """Held-out fields of the slides they did see; units are groups."""
    test: Rows
    """All fields of the slides they did not see; units are slides."""


def read(by_backbone: Mapping[str, Answers]) -> list[LeftOut]:
    """Return every fold that all three backbones answered, in the predictions' order.

    Raises:
        LeftOutError: a backbone is missing, the quality values are of another version, or no
            fold has answers of all three.
    """
    missing = [each.value for each in BACKBONES if each.value not in by_backbone]
    if missing:
        raise LeftOutError(
            f"no predictions of {', '.join(missing)} for slides left out; "
            "python -m training evaluate makes them"
        )
    predictions = [by_backbone[each.value] for each in BACKBONES]
    if any(each.quality.shape[1] != len(QUALITY_FIELDS) for each in predictions):
        raise LeftOutError(
            f"the predictions hold other quality values than today's {len(QUALITY_FIELDS)}; "
            "python -m training evaluate makes them again"
        )
    places = [{key: row for row, key in enumerate(each.keys())} for each in predictions]
    common = [key for key in places[0] if all(key in place for place in places)]
    folds = []
    for fold in dict.fromkeys(fold for fold, _, _ in common):
        val, test = (
            _rows(predictions, places, [key for key in common if key[:2] == (fold, part)], units)
            for part, units in (("val", "groups"), ("test", "slides"))
        )
        if len(val.targets) and len(test.targets):
            folds.append(LeftOut(fold, val, test))
    if not folds:
        raise LeftOutError(
            "no fold has validation and test answers of all three backbones; "
            "python -m training evaluate makes them"
        )
    return folds


def _rows(
    predictions: list[Answers],
    places: list[dict[tuple[str, str, str], int]],
    keys: list[tuple[str, str, str]],
    units: str,
) -> Rows:
    own = [np.array([place[key] for key in keys], np.int64) for place in places]
    first: Any = predictions[0]
    return Rows(
        logits=np.stack([each.logits[rows] for each, rows in zip(predictions, own, strict=True)]),
        targets=first.targets[own[0]],
        quality=first.quality[own[0]],
        units=getattr(first, units)[own[0]],
    )
