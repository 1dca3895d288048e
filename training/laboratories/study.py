"""Every idea under every protocol: what it says of laboratories and groups that it never saw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from training import record
from training.data import provenance
from training.data.sample import DatasetError
from training.laboratories import gains, protocols, review_limits, scores, several, votes
from training.laboratories.table import Bools, Cells
from training.metrics.classification import Floats

TOGETHER = "outside"
"""The row of all evaluate-only sources together."""
NEEDED = {"size", "shape", "texture"}
"""The descriptions that several cells are read together by."""
Answers = dict[str, dict[str, Floats]]
"""Logits [n] by idea and protocol."""
BAG = 10
"""So many single cells of one group are also read together, as a field is."""


def run(
    cells: Cells, descriptions: Mapping[str, Floats], logits: Answers | None = None
) -> dict[str, Any]:
    """Return what was learned from and what came of it.

    Under "evaluated", "pictures" stand the scores by idea, protocol and source, under "doubt" what
    goes without review, by the level of ``review_limits.LEVELS``, and under "gains" the gain over
    the nuclear area alone, each laboratory left out. Under "together" stands the same of several
    cells at once.

    Args:
        descriptions: features [n, k] of the cells by name, see ``votes.IDEAS``.
        logits: what ``answered`` says of them, if that is known.

    Raises:
        DatasetError: a source that is evaluate only would be learned from.
    """
    ideas = votes.possible(list(descriptions))
    logits = answered(cells, descriptions) if logits is None else logits
    tested = {
        title: {name: units(cells, name, logits[title][name]) for name in protocols.PROTOCOLS}
        for title in ideas
    }
    content = record.stamped(
        learned_from=learned_from(cells),
        evaluated={
            "pictures": {
                title: {
                    **{name: _judged(by_source) for name, by_source in tested[title].items()},
                    "doubt": _without_review(cells, logits[title]["laboratories"]),
                    "gains": gains.gains(
                        tested[title]["laboratories"],
                        tested.get(gains.BASE, {}).get("laboratories", {}),
                    ),
                }
                for title in ideas
            },
            "together": together(cells, descriptions) if set(descriptions) >= NEEDED else {},
        },
    )
    provenance.check(content, "the study")
    return content


def answered(
    cells: Cells,
    descriptions: Mapping[str, Floats],
    report: Callable[[str], None] = lambda done: None,
) -> Answers:
    """Return logits [n] by idea and protocol, of heads that saw neither laboratory nor group.

    NaN where the protocol does not test a cell, or leaves one label alone to learn from.
    ``report`` is told which fold is done.

    Raises:
        DatasetError: no fold leaves both labels to learn from.
    """
    ideas = votes.possible(list(descriptions))
    found = {
        title: {name: np.full(len(cells), np.nan) for name in protocols.PROTOCOLS}
        for title in ideas
    }
    learned = False
    for protocol in protocols.PROTOCOLS:
        for fold in protocols.folds(cells, protocol):
            labels = np.unique(cells.malignant[fold.train])
            if len(labels) < 2:
                report(f"{protocol}: {fold.name}; skipped, no two labels are left to learn from")
                continue
            for title, logits in votes.answers(cells, descriptions, fold, ideas).items():
                found[title][protocol][fold.test] = logits[fold.test]
            learned = True
            report(f"{protocol}: {fold.name}" if fold.name != protocol else protocol)
    if not learned:
        raise DatasetError(
            "nothing can be judged: give benign and malignant pictures of more patients, or of "
            "another laboratory, so that both labels are left when one is left out"
        )
    return found


def together(cells: Cells, descriptions: Mapping[str, Floats]) -> dict[str, Any]:
    """Return scores of several cells read together by idea, under "laboratories" and "doubt".

    As ``run`` has them for single pictures, each laboratory left out. Empty where no unit has cells
    enough.
    """
    bags = several.gathered(cells)
    if not bags.members:
        return {}
    described = bags.described(descriptions)
    logits = {title: np.full(len(bags.members), np.nan) for title in several.IDEAS}
    outside = np.zeros(len(bags.members), np.bool_)
    for fold in protocols.folds(cells, "laboratories"):
        tested = np.array([bool(fold.test[rows].all()) for rows in bags.members])
        outside |= tested if fold.name == protocols.OUTSIDE else False
        for title, said in several.answers(bags, described, fold).items():
            logits[title][tested] = said[tested]
    answered_units = ~np.isnan(logits["size"])
    if not answered_units.any():
        return {}
    rows = {name: here & answered_units for name, here in _by_name(bags.source).items()}
    rows = {name: here for name, here in rows.items() if here.any()}
    places = {
        name: here & answered_units & ~outside for name, here in _by_name(bags.laboratory).items()
    }
    places = {name: here for name, here in places.items() if here.any()}
    unseen = {name: here for name, here in rows.items() if outside[here].all()}
    if outside.any():
        rows[TOGETHER] = outside & answered_units
    found: dict[str, Any] = {}
    of_ideas = {
        title: {name: bags.units(of_all, here) for name, here in rows.items()}
        for title, of_all in logits.items()
    }
    for title, of_all in logits.items():
        known = {name: bags.units(of_all, here) for name, here in places.items()}
        others = {name: bags.units(of_all, here) for name, here in unseen.items()}
        found[title] = {
            "laboratories": _judged(of_ideas[title]),
            "doubt": {
                f"{level:g}": review_limits.study(known, others, level)
                for level in review_limits.LEVELS
            },
            "gains": gains.gains(of_ideas[title], of_ideas[gains.BASE]),
        }
    return found


def _by_name(names: npt.NDArray[np.str_]) -> dict[str, Bools]:
    return {str(name): names == name for name in np.unique(names)}


def learned_from(cells: Cells) -> list[dict[str, Any]]:
    """Return one row for each source that some fold learns from."""
    table = []
    usable = ~cells.evaluate_only & (cells.malignant >= 0)
    for source in np.unique(cells.source[usable]):
        members = [each for each in cells.pictures if each.source == source]
        total = hashlib.sha256()
        for each in sorted(members, key=lambda picture: picture.name):
            content = hashlib.sha256(each.path.read_bytes()).hexdigest()
            total.update(f"{each.name} {content}\n".encode())
        table.append(
            {
                "name": str(source),
                "laboratory": members[0].laboratory,
                "pictures": len(members),
                "cells": int((cells.source == source).sum()),
                "sha256": total.hexdigest(),
            }
        )
    return table


def _judged(by_source: Mapping[str, scores.Units]) -> dict[str, Any]:
    return {name: scores.judged(each) for name, each in by_source.items()}


def units(cells: Cells, protocol: str, logits: Floats) -> dict[str, scores.Units]:
    """Return what a protocol tests, by source: pictures, their cells, and several cells at once."""
    tested = ~np.isnan(logits)
    rows = {str(name): tested & (cells.source == name) for name in np.unique(cells.source[tested])}
    if protocol == "laboratories":
        rows[TOGETHER] = tested & cells.evaluate_only
    found = {}
    for name, here in rows.items():
        if not here.any():
            continue
        found[name] = scores.fields(cells, logits, here)
        if len(np.unique(cells.crops.of[here])) < np.count_nonzero(here):
            found[f"{name}, cells"] = scores.single(cells, logits, here)
        else:
            bags = scores.together(cells, logits, here, BAG)
            if len(bags.logits):
                found[f"{name}, {BAG} cells"] = bags
    return found


def _without_review(cells: Cells, logits: Floats) -> dict[str, Any]:
    """Limits by laboratories left out, on others that are left out."""

    def fields(rows: Bools) -> scores.Units:
        return scores.fields(cells, logits, rows & ~np.isnan(logits))

    learned = ~cells.evaluate_only
    names = np.unique(cells.laboratory[learned & ~np.isnan(logits)])
    known = {str(name): fields(learned & (cells.laboratory == name)) for name in names}
    outside = np.unique(cells.source[cells.evaluate_only])
    unseen = {str(name): fields(cells.source == name) for name in outside}
    return {
        f"{level:g}": review_limits.study(known, unseen, level) for level in review_limits.LEVELS
    }
