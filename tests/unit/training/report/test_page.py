from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from training.report import card, goals, page
from training.report.reading import OWN_IMAGES
from training.report.sections import verdict
from training.report.verdicts import UNKNOWN

VOID = {"meta", "link", "br", "img", "hr", "input"}
TITLES = (
    "In short",
    "Goals",
    "Three protocols",
    "Slide by slide, each left out of training",
    "The vote and its backbones",
    "Confusion matrices",
    "ROC and precision-recall",
    "Calibration",
    "Asking for review",
    "Fields from other laboratories",
    "Laboratories left out",
    "Shortcut probes",
    "Stress",
    "Where the class activation maps are hot",
    "Cost",
    "How the figures were made",
    "Provenance",
    "All scores",
    "All comparisons",
    "All probes",
)


class Reader(HTMLParser):
    """Tags, ids, headings and addresses of a page; raises where tags do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data.strip())


@pytest.fixture(scope="module")
def html(computed: dict[str, Any]) -> str:
    return page.render(computed)


@pytest.fixture(scope="module")
def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_every_section_is_there(read: Reader) -> None:
    assert tuple(read.headings) == TITLES


def test_the_page_opens_with_what_it_is_not(html: str) -> None:
    body = html[html.index("<body") :]
    assert body.index(verdict.NOT_A_DEVICE) < body.index("<table")
    assert body.index("What they do not say") < body.index("<table")


def test_it_needs_nothing_from_outside(html: str, read: Reader) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", html)
    assert all(link.startswith("#") for link in read.links)
    assert not {"script", "link", "iframe", "img", "object", "form"} & set(read.tags)


def test_ids_are_unique_and_links_lead_somewhere(read: Reader) -> None:
    assert len(set(read.ids)) == len(read.ids)
    assert {link[1:] for link in read.links} <= set(read.ids)


def test_every_plot_has_a_title_and_a_description(html: str, read: Reader) -> None:
    plots = read.tags.count("svg")
    assert plots > 20
    assert html.count("<desc") == plots == html.count('role="img"')


def test_names_from_data_are_text(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Benign-<b>" not in html
    assert "Benign-&lt;b&gt;&amp;|S02" in html


def test_a_missing_way_is_shown_as_such(html: str) -> None:
    section = html[html.index('id="protocols"') : html.index('id="slides"')]
    assert "Random split: not measured." in section
    assert html.count("not measured") > 10


def test_a_missing_network_is_shown_as_such(figures: dict[str, Any]) -> None:
    known = figures["ways"]["known"]
    figures["ways"] = {"known": known}
    for name in ("xception", "majority", "mean", "weighted", "fuzzy_rank"):
        del known["voters"][name]
    known |= {"coverage": None, "review": None, "mcnemar": [], "missing": ["xception: no master"]}
    for part in ("probes", "stress", "cams", "cost"):
        figures[part] = None
    figures["outside"] = {}
    html = page.render(figures)
    assert "Xception, Mean, Weighted mean, Fuzzy rank: not measured." in html
    assert "Missing here, xception: no master: not measured." in html
    assert "Without that figure nothing here tells whether" in html
    for part in ("Shortcut probes", "Stress curves", "Class activation maps", "Parameters"):
        assert re.search(rf"{part}[^<]*: not measured\.", html), part


def test_nothing_at_all_still_makes_a_report() -> None:
    html = page.render({})
    assert verdict.NOT_A_DEVICE in html
    assert "Of 24 goals: 24 not measured." in html
    assert "Not measured." in card.render({}, {})


def test_without_policies_of_the_slides_the_verdict_says_so(figures: dict[str, Any]) -> None:
    assert figures["ways"]["slides"]["review"] is not None
    figures["ways"]["slides"] |= {"coverage": None, "review": None, "missing": ["policy of a fold"]}
    sentences = verdict.sentences(figures)
    assert "How many answers on unseen slides need no review: not measured." in sentences
    outcomes = [
        each
        for each in goals.outcomes(figures)
        if each.goal.where == "Leave one slide out" and "without review: share" in each.goal.figure
    ]
    assert [each.verdict for each in outcomes] == [UNKNOWN] * 2


def test_the_figures_reach_the_page(html: str, computed: dict[str, Any]) -> None:
    vote = computed["ways"]["slides"]["voters"]["majority"]
    assert f"{100 * vote['scores']['sensitivity']:.1f}%" in html
    assert "Hue turned" in html
    worst = min(vote["slides"], key=lambda slide: vote["slides"][slide]["binary_accuracy"])
    assert worst.split("<")[0] in html


def test_the_card_has_its_chapters_and_keeps_its_tables_whole(computed: dict[str, Any]) -> None:
    records = {
        "mobilenet": {"data": {"name": "a|b", "train": {"images": 7, "classes": {"benign": 7}}}}
    }
    text = card.render(computed, records)
    for title in (
        "Intended use",
        "Must not be used",
        "Training data",
        "Factors",
        "Metrics",
        "Calibration",
        "Review policy",
        "Ethical considerations",
        "Provenance",
    ):
        assert f"## {title}" in text
    assert "a\\|b" in text
    assert "Benign 7" in text
    assert "<script" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert "http" not in text


def test_nothing_of_the_released_images_is_said_of_others(computed: dict[str, Any]) -> None:
    released = (card.render(computed, {}), page.render(computed))
    other = {**computed, OWN_IMAGES: True}
    own = (card.render(other, {}), page.render(other))
    for said in ("Kaggle", "Tehran", "cytometry", "images were published"):
        assert said in released[0]
        assert said not in own[0] + own[1]
    for said in ("ten slides", "Colour features", "Goals of the project", "goals: "):
        assert said in released[0] + released[1]
        assert said not in own[0] + own[1]
    for title in re.findall("^## .*", released[0], re.M):
        assert title in own[0]
