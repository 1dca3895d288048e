"""Writes cases as a table for a terminal, as CSV and as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from allclient.cases.case import Case
from allclient.cases.interval import Share
from allclient.contract import SUBTYPES
from allclient.report.formats import csv_line, guard_cell, printable

CASE_COLUMNS: Final = (
    "case",
    "label",
    "reasons",
    "fields",
    "failed",
    "to_review",
    *(f"fields_{subtype.value}" for subtype in SUBTYPES),
    "leukocytes",
    "malignant_leukocytes",
    "malignant_share",
    "malignant_share_low",
    "malignant_share_high",
    "look_first",
)

_SHOWN: Final = 20
"""Cases in the table of a terminal."""


def case_csv(cases: Iterable[Case]) -> Iterator[bytes]:
    """Yield a header and a line for each case; reasons joined by ``;``, files by line ends."""
    yield csv_line(CASE_COLUMNS)
    for case in cases:
        values = case.as_json()
        values["reasons"] = ";".join(values["reasons"])
        values["look_first"] = "\n".join(values["look_first"])
        yield csv_line(guard_cell(_text(values[name])) for name in CASE_COLUMNS)


def case_json(cases: Iterable[Case]) -> Iterator[bytes]:
    """Yield a JSON object a line, as ``report.JsonLines`` writes text."""
    for case in cases:
        text = json.dumps(case.as_json(), ensure_ascii=False, allow_nan=False)
        yield text.encode("utf-8", "backslashreplace") + b"\n"


def case_table(cases: Sequence[Case]) -> str:
    """Return the first cases as lines for people; the others are counted."""
    lines = [_TITLES, *(_line(case) for case in cases[:_SHOWN])]
    if len(cases) > _SHOWN:
        lines.append(f"... and {len(cases) - _SHOWN} more: --cases FILE has them all")
    return "\n".join(lines)


_TITLES: Final = "CASE LABEL  FIELDS  FAILED  REVIEW  LEUKOCYTES  MALIGNANT SHARE (95%)  CASE"


def _line(case: Case) -> str:
    leukocytes = "-" if case.leukocytes is None else str(case.leukocytes)
    return (
        f"{case.label.value:<10}  {case.fields:>6}  {case.failed:>6}  {case.to_review:>6}  "
        f"{leukocytes:>10}  {share_text(case.malignant_share):<21}  {printable(case.name)}"
    )


def share_text(share: Share | None) -> str:
    """Return a share as ``62% (48 to 75%)``; without an interval where there is none."""
    if share is None:
        return "-"
    value = f"{share.value:.0%}"
    if share.low is None or share.high is None:
        return f"{value} (too few fields)"
    return f"{value} ({share.low * 100:.0f} to {share.high:.0%})"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else str(value)
