"""Writes the comparison as files: parity.md for people and parity.json for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convert.images import Fields
from convert.limits import VOTE, Limit
from convert.parity.comparison import Comparison, Row
from convert.parity.parity_vote import Readings

HEAD = """# Parity

The same images through the Keras masters and through everything that is made of them:
{images} {what}.

{warning}| | artifact | largest | mean | equal argmax | accuracy change | limit | |
| --- | --- | ---: | ---: | ---: | ---: | --- | --- |
"""

READINGS = """
What the vote makes of it, against the vote on Keras's answers:

| fields of | artifact | images | other label | review dropped | review added | malignant without \
review | with Keras |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
{lines}
"""

FOOT = """
Largest and mean are absolute differences of probabilities. The vote compares calibrated
probabilities and the subtype that it names. A gain in accuracy is shown and misses no limit, a loss
does. A limit of INT8 holds where the artifact is INT8; where it had to stay in FP32, the
limit of FP16 holds. "Not served" is what was too far off already on the images it was made with,
and what no model configuration asks for (OpenVINO in half precision): it is shown, its record says
why, and no command fails for it.

| | artifact | what it is | computed in |
| --- | --- | --- | --- |
{precisions}

Made by

    {command}

on {machine}. Not a medical device: these numbers say that the conversions answer alike, not that
the answers are right.
"""

WARNING = """> **Drawn images.** No real data was given. The table shows that the conversions
> work; how far they are apart on real smears it does not say. Equal argmax counts the fields whose
> two most probable classes Keras puts at least {margin} apart; for the vote, those where two voters
> are as sure of the same class.

"""


def write(
    comparison: Comparison, fields: Fields, folder: Path, command: str, machine: str
) -> tuple[Path, Path]:
    """Write ``parity.md`` and ``parity.json`` into ``folder``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, data = folder / "parity.md", folder / "parity.json"
    table.write_text(markdown(comparison, fields, command, machine), encoding="utf-8")
    data.write_text(json.dumps(as_json(comparison, fields), indent=2) + "\n", encoding="utf-8")
    return table, data


def as_json(comparison: Comparison, fields: Fields) -> dict[str, Any]:
    """Return the comparison as plain values for JSON.

    Its form is {backbone or "vote": {artifact: {max_abs, equal_argmax, accuracy_change, ...}}}.

    "images" says of what: part, count, source. The vote's entries have their "readings".
    """
    content: dict[str, Any] = {"images": fields.record()}
    for row in comparison.rows:
        entry = row.distance.record() | {
            "within_limits": not row.misses,
            "held_back": row.held_back,
            "computed": row.computed,
        }
        if row.precision:
            entry["precision"] = row.precision
        content.setdefault(row.backbone, {})[row.runtime] = entry
    for reading in comparison.readings:
        entry = content[VOTE][reading.runtime]
        entry.setdefault("readings", []).append(reading.record())
    return content


def markdown(comparison: Comparison, fields: Fields, command: str, machine: str) -> str:
    """Return the page as Markdown."""
    what = f"images of the part {fields.part!r} of {fields.source}"
    if fields.drawn:
        what = "images drawn by a program"
    head = HEAD.format(
        images=len(fields),
        what=what,
        warning=WARNING.format(margin=fields.margin) if fields.drawn else "",
    )
    lines = "\n".join(_line(row) for row in comparison.rows)
    precisions = "\n".join(
        f"| {row.backbone} | {row.runtime} | {row.precision} | {row.computed} |"
        for row in comparison.rows
        if row.precision
    )
    return (
        head
        + lines
        + "\n"
        + _readings(comparison.readings)
        + FOOT.format(precisions=precisions, command=command, machine=machine)
    )


def _readings(readings: Sequence[Readings]) -> str:
    if not readings:
        return ""
    lines = "\n".join(
        f"| {one.source} | {one.runtime} | {one.images} | {one.labels_changed} "
        f"| {one.review_dropped} | {one.review_added} | {one.malignant_unreviewed} "
        f"| {one.malignant_unreviewed_keras} |"
        for one in readings
    )
    return READINGS.format(lines=lines)


def _line(row: Row) -> str:
    apart = row.distance
    change = apart.accuracy_change
    cells = (
        row.backbone,
        row.runtime,
        f"{apart.max_abs:.2g}",
        f"{apart.mean_abs:.2g}",
        f"{apart.equal_argmax:.2%}",
        "" if change is None else f"{change * 100:+.2f} points",
        _limit(row.limit),
        _verdict(row),
    )
    return "| " + " | ".join(cells) + " |"


def _verdict(row: Row) -> str:
    if row.held_back:
        return "**not served**" + (", missed" if row.misses else ", held here")
    return "**missed**" if row.misses else "held"


def _limit(limit: Limit) -> str:
    parts = []
    if limit.max_abs is not None:
        parts.append(f"difference at most {limit.max_abs:.0e}")
    if limit.equal_argmax is not None:
        parts.append(f"argmax at least {limit.equal_argmax * 100:g}%")
    if limit.accuracy_change is not None:
        parts.append(f"accuracy loss at most {limit.accuracy_change * 100:g} points")
    return ", ".join(parts)
