"""The report's page: everything in it, nothing from elsewhere, and no name that does anything."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allclient.cases import CaseBy, Cases
from allclient.contract import ReviewReason, Subtype
from allclient.errors import ImageReadError
from allclient.report import Entry, entry_of
from allclient.result import Outcome
from allclient.view import page as pages
from allclient.view.choice import choose, gallery
from tests.unit.client.test_report import BENIGN_CELL, MALIGNANT_CELL, RESULT

EVIL = "<script>alert(1)</script>&\"'{{ 7*7 }}\u202egnp.\x1b[31m\udcff.png"
WIDE_CELL = replace(MALIGNANT_CELL, x=0.1, y=0.1, width=0.3, height=0.3)
VOID = {"meta", "img", "input", "line", "rect", "br"}


class Tags(HTMLParser):
    """Counts tags, keeps ids, links and sources, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.attributes: Counter[str] = Counter()
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        values = {name: value or "" for name, value in attrs}
        self.attributes.update(values.keys())
        if "id" in values:
            self.ids.append(values["id"])
        if "href" in values:
            self.links.append(values["href"])
        if "src" in values:
            self.sources.append(values["src"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag


@pytest.fixture
def field(tmp_path: Path) -> Path:
    path = tmp_path / "P1" / "field.png"
    path.parent.mkdir()
    Image.new("RGB", (400, 300), (220, 180, 200)).save(path)
    return path


def entry(file: str, *cells: object, **changes: object) -> Entry:
    heatmap = np.eye(7, dtype=np.float32)
    answer = replace(RESULT, heatmap=heatmap, model_version="1")
    result = replace(answer, cells=cells, **changes)  # type: ignore[arg-type]
    return entry_of(Outcome(file, result))


def failed(file: str) -> Entry:
    return entry_of(Outcome(file, error=ImageReadError("no such <b>file</b>")))


def rendered(entries: list[Entry], limit: int = 2000) -> str:
    by = CaseBy()
    cases = Cases(by)
    for one in entries:
        cases.add(one.row)
    settings = [("Model", "all_ensemble"), ("Paths", EVIL)]
    run = pages.Run(cases.cases(), by, settings, datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    return b"".join(pages.page(run, choose(entries, limit))).decode("utf-8")


def test_one_file_with_everything_in_it(field: Path) -> None:
    text = rendered([entry(str(field), WIDE_CELL, BENIGN_CELL), failed("P1/gone.png")])
    tags = Tags(text)
    assert tags.count["article"] == 1
    assert tags.count["script"] == tags.count["link"] == tags.count["iframe"] == 0
    assert len(tags.sources) == 4  # the field, its heat map, two cells
    assert all(source.startswith("data:image/") for source in tags.sources)
    assert not re.search(r"https?:|@import|url\(", text)
    assert not [name for name in tags.attributes if name.startswith("on") or name == "style"]
    assert len(set(tags.ids)) == len(tags.ids)
    assert {link.removeprefix("#") for link in tags.links} <= set(tags.ids)
    assert "Not a medical device." in text
    assert "not a blast percentage" in text.replace("\n", " ")
    assert "The backbones are not sure." in text
    assert "2026-01-02 03:04" in text


def test_the_policy_allows_the_page_its_own_style_and_nothing_else(field: Path) -> None:
    text = rendered([entry(str(field))])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert policy
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1].split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_names_do_nothing(field: Path) -> None:
    evil = field.with_name(EVIL.replace("/", "-"))
    text = rendered([entry(f"{EVIL}/{EVIL}", WIDE_CELL), entry(str(evil)), failed(EVIL)])
    plain = Tags(rendered([entry("a/b", WIDE_CELL), entry("c/d"), failed("e")]))
    assert Tags(text).count == plain.count
    assert "<script" not in text
    assert "{{ 7*7 }}" in text
    assert not set(text) & {"\u202e", "\x1b", "\udcff"}


def test_no_field_and_no_cell(field: Path) -> None:
    assert "No field has an answer." in rendered([])
    assert "No field has an answer." in rendered([failed("a.png")])
    text = rendered([entry(str(field))])
    assert text.count("None.") == len(Subtype)


def test_a_page_shows_what_needs_a_look_most(field: Path) -> None:
    calm = [entry(str(field), review=(), model_version=str(n)) for n in range(30)]
    worst = entry(str(field), review=tuple(ReviewReason))
    chosen = choose([*calm, worst, failed("x")], limit=3)
    assert chosen.fields[0] is worst
    assert chosen.fields[1:] == calm[:2]
    assert (chosen.fields_in_all, chosen.failed_in_all) == (31, 1)
    text = rendered([*calm, worst], limit=3)
    assert "Shown are the 3 fields that need a look most, of 31." in text
    assert Tags(text).count["article"] == 3


def test_the_gallery_shows_the_whole_range(field: Path) -> None:
    def cell(malignant: float) -> object:
        rest = 1 - malignant
        classes = dict(zip(Subtype, (rest, 0.0, malignant, 0.0), strict=True))
        return replace(MALIGNANT_CELL, probabilities=classes)

    shares = np.linspace(0.51, 0.99, 200)
    entries = [entry(str(field), *map(cell, shares[:100])), entry("b", *map(cell, shares[100:]))]
    count, spots = gallery(entries, limit=60)[Subtype.PRE_B]
    assert (count, len(spots)) == (200, 60)
    shown = [spot.cell.probability for spot in spots]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (pytest.approx(0.51), pytest.approx(0.99))
    assert np.diff(shown).max() < 0.012
    assert gallery(entries, limit=60)[Subtype.BENIGN] == (0, [])
    assert (spots[-1].field, spots[-1].number) == (1, 100)


def test_pictures_are_made_one_at_a_time(field: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    plain = pages.load

    def load(path: str, side: int) -> object:
        loaded.append(path)
        return plain(path, side)

    monkeypatch.setattr(pages, "load", load)
    by = CaseBy()
    cases = Cases(by)
    entries = [entry(str(field)) for _ in range(5)]
    for one in entries:
        cases.add(one.row)
    run = pages.Run(cases.cases(), by, [], datetime.now(UTC))
    text = b""
    for piece in pages.page(run, choose(entries)):
        text += piece
        if text.endswith(b'<article id="f2'):
            break
    assert len(loaded) == 2
