"""Writes the report of a run: one HTML file with everything in it, made a field at a time."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from allclient.cases import CASE_REASONS, Case, CaseBy, CaseLabel
from allclient.cases.formats import share_text
from allclient.contract import BACKBONES, NOT_RUN, SUBTYPES, Subtype
from allclient.errors import ImageReadError
from allclient.report import Entry
from allclient.report.formats import printable
from allclient.view import heat
from allclient.view.choice import Chosen, Spot, gallery
from allclient.view.picture import Picture, load
from allclient.view.style import STYLES, reason_words

_FOLDER: Final = Path(__file__).parent
_SIDES: Final = ((60, 1024), (250, 768), (700, 512))
_MIN_SIDE: Final = 384
"""Pixels of a field's longer side, by how many fields a page has: it has to stay small."""

_CROP: Final = 96
_CROP_SOURCE: Final = 2400
_AROUND: Final = 0.35
"""Shares of a cell's longer side that are shown around it."""

_UNITS: Final = 1000
"""Width of a field in the units of its boxes."""

MAX_CASES: Final = 1000
"""Cases in the table of a page."""

_NOTICE: Final = (
    "It supports a reading by a pathologist and never replaces it. "
    "Every answer needs a pathologist's eye."
)

_ORDER: Final = (CaseLabel.REVIEW, CaseLabel.MALIGNANT, CaseLabel.BENIGN)


@dataclass(frozen=True, slots=True)
class Run:
    """What a page says of the run as a whole."""

    cases: list[Case]
    case_by: CaseBy
    settings: list[tuple[str, str]]
    """What was asked for and what answered, as names and values."""
    made: datetime


def page(run: Run, chosen: Chosen, step: Callable[[], None] = lambda: None) -> Iterator[bytes]:
    """Yield the page in pieces. ``step`` is called for each field, and may raise to stop."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = printable
    environment.filters["name"] = os.path.basename
    style = (_FOLDER / "page.css").read_text("utf-8")
    style += "".join(STYLES[subtype].css() for subtype in SUBTYPES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    maker = _Maker(run, chosen, step)
    pieces = environment.get_template("page.html.j2").generate(
        run=run,
        chosen=chosen,
        style=Markup(style),  # noqa: S704  our own file
        digest=digest,
        styles=[STYLES[subtype] for subtype in SUBTYPES],
        words={subtype: STYLES[subtype].words for subtype in SUBTYPES},
        reason_words=reason_words,
        cases=maker.cases(),
        more_cases=max(0, len(run.cases) - MAX_CASES),
        gallery=maker.gallery(),
        groups=maker.groups(),
        share_text=share_text,
        notice=_NOTICE,
        case_reasons=CASE_REASONS,
        leukocytes=sum(case.leukocytes or 0 for case in run.cases),
    )
    for piece in pieces:
        yield piece.encode("utf-8", "replace")


class _Maker:
    """Gives the template its fields, one at a time, so that no more than one picture is held."""

    def __init__(self, run: Run, chosen: Chosen, step: Callable[[], None]) -> None:
        self._run = run
        self._step = step
        count = len(chosen.fields)
        self._side = next((side for most, side in _SIDES if count <= most), _MIN_SIDE)
        self._by_name = {case.name: case for case in self._sorted_cases()}
        self._numbers = {name: index for index, name in enumerate(self._by_name, 1)}
        # In the order of the page, so that their numbers go up.
        self._fields = sorted(chosen.fields, key=lambda entry: self._numbers[self._case(entry)])
        files = {entry.row.file: index for index, entry in enumerate(self._fields)}
        self._anchors = {file: f"f{index + 1}" for file, index in files.items()}

    def cases(self) -> list[dict[str, Any]]:
        shown = {self._case(entry) for entry in self._fields}
        return [
            {
                "case": case,
                "anchor": f"case{index}",
                "shown": case.name in shown,
                "look": [(look, self._anchors.get(look.file)) for look in case.look_first],
            }
            for index, case in enumerate(list(self._by_name.values())[:MAX_CASES], 1)
        ]

    def groups(self) -> Iterator[dict[str, Any]]:
        """Yield the fields of each case, the neediest case first."""
        members: dict[str, list[int]] = {}
        for index, entry in enumerate(self._fields):
            members.setdefault(self._case(entry), []).append(index)
        for name, indices in members.items():
            yield {
                "case": self._by_name[name],
                "anchor": f"case{self._numbers[name]}-fields",
                "fields": (self._field(index) for index in indices),
            }

    def gallery(self) -> list[dict[str, Any]]:
        chosen = gallery(self._fields)
        crops = self._crops([spot for _, spots in chosen.values() for spot in spots])
        return [
            {
                "style": STYLES[subtype],
                "count": count,
                "cells": [self._crop(spot, crops) for spot in spots],
            }
            for subtype, (count, spots) in chosen.items()
        ]

    def _case(self, entry: Entry) -> str:
        return self._run.case_by.case_of(entry.row.file)

    def _sorted_cases(self) -> list[Case]:
        return sorted(
            self._run.cases,
            key=lambda case: (_ORDER.index(case.label), -case.to_review - case.failed, case.name),
        )

    def _field(self, index: int) -> dict[str, Any]:
        self._step()
        entry = self._fields[index]
        row = entry.row
        assert row.probabilities is not None
        assert row.votes is not None
        field = {
            "number": index + 1,
            "anchor": f"f{index + 1}",
            "file": row.file,
            "row": row,
            "style": STYLES[Subtype(row.subtype)],
            "reasons": [reason_words(code) for code in row.review or ()],
            "probabilities": [(STYLES[s].words, row.probabilities[s.value]) for s in SUBTYPES],
            "votes": [(backbone.value, _vote(row.votes[backbone.value])) for backbone in BACKBONES],
            "leukocytes": len(entry.cells),
            "problem": None,
            "picture": None,
            "heat": None if entry.heatmap is None else _png(heat.layer(entry.heatmap, 14)),
        }
        try:
            picture = load(row.file, self._side)
        except ImageReadError as error:
            return field | {"problem": str(error)}
        height = max(1, round(_UNITS * picture.height / picture.width))
        return field | {
            "picture": _webp(picture.image, 68),
            "width": picture.image.width,
            "height": picture.image.height,
            "units": (_UNITS, height),
            "boxes": [
                {
                    "box": (x, y, right - x, bottom - y),
                    "style": STYLES[cell.subtype],
                    "anchor": f"f{index + 1}c{number}",
                    "label": (x + 4, y - 6 if y > 30 else bottom + 24),
                }
                for number, cell in enumerate(entry.cells, 1)
                for x, y, right, bottom in [cell.box(_UNITS, height)]
            ],
        }

    def _crops(self, spots: list[Spot]) -> dict[tuple[int, int], str]:
        """Return each cell's picture; a field is read once for all of its cells."""
        by_field: dict[int, list[Spot]] = {}
        for spot in spots:
            by_field.setdefault(spot.field, []).append(spot)
        crops: dict[tuple[int, int], str] = {}
        for index, wanted in by_field.items():
            self._step()
            try:
                picture = load(self._fields[index].row.file, _CROP_SOURCE)
            except ImageReadError:
                continue
            for spot in wanted:
                crops[index, spot.number] = _webp(_cropped(picture, spot), 75)
        return crops

    def _crop(self, spot: Spot, crops: dict[tuple[int, int], str]) -> dict[str, Any]:
        return {
            "href": f"#f{spot.field + 1}c{spot.number}",
            "picture": crops.get((spot.field, spot.number)),
            "probability": spot.cell.probability,
            "field": spot.field + 1,
            "number": spot.number,
            "agree": spot.cell.agreement >= 1,
        }


def _cropped(picture: Picture, spot: Spot) -> Image.Image:
    """Return a square around the cell, as far as the field has one."""
    image = picture.image
    left, top, right, bottom = spot.cell.box(*image.size)
    half = max(right - left, bottom - top) * (0.5 + _AROUND)
    half = min(half, image.width / 2, image.height / 2)
    x = min(max((left + right) / 2, half), image.width - half)
    y = min(max((top + bottom) / 2, half), image.height - half)
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    return image.crop(box).resize((_CROP, _CROP), Image.Resampling.LANCZOS)


def _vote(value: str) -> str:
    return "not run" if value == NOT_RUN else STYLES[Subtype(value)].words


def _webp(image: Image.Image, quality: int) -> str:
    return _data_url(image, "WEBP", quality=quality, method=2)


def _png(image: Image.Image) -> str:
    return _data_url(image, "PNG", optimize=True)


def _data_url(image: Image.Image, form: str, **options: Any) -> str:
    data = io.BytesIO()
    image.save(data, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
