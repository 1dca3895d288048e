"""Sends the same images through Keras and through every artifact made of it.

An artifact is judged where it is: read from its folder, after ``artifacts.check`` found that its
record holds. Its answers are compared as probabilities, for each backbone and for the vote of
three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convert import artifacts, limits
from convert.images import Fields
from convert.parity import parity_vote
from convert.parity.runtimes import Answers, Runtime
from toolkit import served


@dataclass(frozen=True)
class Row:
    """One artifact of one backbone, or of the vote, and its distance from Keras."""

    backbone: str
    runtime: str
    precision: str
    """What the artifact's record says it is."""
    computed: str
    """What really ran here."""
    distance: limits.Distance
    limit: limits.Limit
    misses: list[str] = field(default_factory=list)
    held_back: bool = False
    """Its record says that it answers too differently to be served: shown, and no failure."""


class Comparison(NamedTuple):
    """Everything that ``compare`` found."""

    rows: list[Row]
    readings: list[parity_vote.Readings]
    """What the vote says, for each runtime and source; empty where a backbone is missing."""


class Artifact(NamedTuple):
    """One artifact of one backbone whose record holds."""

    backbone: str
    runtime: Runtime
    folder: Path
    record: dict[str, Any]


def locate(masters: dict[str, Path], built: Path, chosen: Sequence[Runtime]) -> list[Artifact]:
    """Return what is to be compared: every chosen runtime's artifact of every backbone.

    Args:
        masters: backbone to master.
        built: folder of <backbone>/<artifact>/.

    Raises:
        ArtifactError: an artifact is missing, broken or of another master.
    """
    artifacts_of_all = []
    for name, master in masters.items():
        for runtime in chosen:
            folder = built / name / runtime.folder
            record = artifacts.check(folder, runtime.kind, master, runtime.command.format(name))
            artifacts_of_all.append(Artifact(name, runtime, folder, record))
    return artifacts_of_all


def compare(
    masters: dict[str, Path],
    judged: Sequence[Artifact],
    fields: Fields,
    say: Callable[[str], None],
    others: Fields | None = None,
) -> Comparison:
    """Compare every artifact with its master, and each runtime's vote if it has all three.

    Args:
        masters: backbone to master.
        judged: as ``locate`` gives them.
        others: fields of other origin, for the vote's readings alone.

    Raises:
        ArtifactError: an artifact cannot be run.
    """
    from convert import master as keras_masters

    sources = [fields] if others is None else [fields, others]
    pixels = np.concatenate([source.pixels for source in sources])
    expected: dict[str, Answers] = {}
    for name, path in masters.items():
        say(f"{name}: Keras")
        expected[name] = keras_masters.answers(keras_masters.load(path), pixels)
    rows, answers_of = [], {}
    for name, runtime, folder, record in judged:
        precision = str(record.get("precision", ""))
        say(f"{name}: {runtime.name}")
        answers, computed = runtime.run(folder, pixels)
        answers_of[name, runtime.name] = answers
        limit = runtime.limit
        if limit is limits.INT8 and "INT8" not in precision:
            limit = limits.HALF
        logits, keras = (one["LOGITS"][: len(fields)] for one in (answers, expected[name]))
        apart = limits.of_logits(logits, keras, fields.classes, fields.margin)
        misses, held_back = apart.misses(limit), bool(record.get("held_back"))
        rows.append(Row(name, runtime.name, precision, computed, apart, limit, misses, held_back))
    readings: list[parity_vote.Readings] = []
    backbones = served.majority.BACKBONES
    start = 0
    for source in sources if all(name in masters for name in backbones) else []:
        part = slice(start, start := start + len(source))
        of_keras = _decisions([expected[name] for name in backbones], part, source)
        for runtime in dict.fromkeys(one.runtime for one in judged):
            decided = _decisions(
                [answers_of[name, runtime.name] for name in backbones], part, source
            )
            readings.append(parity_vote.readings(runtime.name, decided, of_keras, source.source))
            if source is not fields:
                continue
            apart = parity_vote.distance(decided, of_keras, source)
            held_back = any(row.held_back for row in rows if row.runtime == runtime.name)
            misses, limit = apart.misses(runtime.vote_limit), runtime.vote_limit
            rows.append(Row(limits.VOTE, runtime.name, "", "", apart, limit, misses, held_back))
    return Comparison(rows, readings)


def _decisions(three: Sequence[Answers], rows: slice, source: Fields) -> list[Any]:
    taken = [{name: values[rows] for name, values in one.items()} for one in three]
    return parity_vote.decide(taken, source)
