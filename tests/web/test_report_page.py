"""The report's page in a real browser: Debian's Chromium through Playwright, and axe."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="the page needs the extra report")

from allclient.cases import CaseBy, Cases
from allclient.contract import ReviewReason, Subtype
from allclient.errors import ImageReadError
from allclient.report import Entry, entry_of
from allclient.result import Outcome
from allclient.view import page as pages
from allclient.view.choice import choose
from samples import field as drawn
from tests.unit.client.test_report import BENIGN_CELL, RESULT
from tests.web.person import PATIENCE

ROOT = Path(__file__).parents[2]
AXE = [
    folder / "node_modules" / "axe-core" / "axe.min.js"
    for folder in (ROOT / "client" / "allclient" / "web", ROOT)
]
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def chromium(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a window of its own, with these options."""
    opened = []

    def new_page(**options: Any) -> Any:
        opened.append(browser.new_context(**options))
        opened[-1].set_default_timeout(PATIENCE)
        return opened[-1].new_page()

    yield new_page
    for context in opened:
        context.close()


def cell(index: int, number: int) -> Any:
    rng = np.random.default_rng([index, number])
    shares = rng.dirichlet((1.0,) * 4)
    x, y = rng.uniform(0, 0.85, 2)
    return replace(
        BENIGN_CELL,
        x=x,
        y=y,
        width=0.1,
        height=0.13,
        probabilities=dict(zip(Subtype, shares.tolist(), strict=True)),
        agreement=1.0 if number % 3 else 2 / 3,
    )


def outcomes(folder: Path, count: int, pictures: int) -> Iterator[Entry]:
    """Fields of two cases; ``pictures`` files are drawn, and used in turn."""
    rng = np.random.default_rng(1)
    for case in ("P1 <b>", "P2"):
        (folder / case).mkdir(parents=True, exist_ok=True)
        for number in range(pictures):
            image = drawn.draw(rng, kind="blasts", stain="purple", height=240, width=320)
            image.save(folder / case / f"{number}.jpg")
    for index in range(count):
        path = folder / ("P1 <b>", "P2")[index % 2] / f"{index // 2 % pictures}.jpg"
        reasons = tuple(ReviewReason)[: index % 4]
        result = replace(
            RESULT,
            cells=tuple(cell(index, number) for number in range(12)),
            heatmap=rng.random((7, 7), np.float32),
            review=reasons,
        )
        yield entry_of(Outcome(str(path), result))
    yield entry_of(Outcome(str(folder / "P2" / "torn <i>.jpg"), error=ImageReadError("0 bytes")))


def write(folder: Path, count: int, pictures: int = 3) -> Path:
    by = CaseBy()
    cases = Cases(by)
    entries = list(outcomes(folder, count, pictures))
    for entry in entries:
        cases.add(entry.row)
    settings = [("Model", "all_ensemble"), ("Paths", "slides/")]
    run = pages.Run(cases.cases(), by, settings, datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    path = folder / "report.html"
    path.write_bytes(b"".join(pages.page(run, choose(entries))))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("report"), 8).as_uri()


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids=str)
def tab(chromium: Any, report: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page, without JavaScript; whatever it asks the network for, or says, is an error."""
    size, scheme = request.param
    width, height = SIZES[size]
    opened = chromium(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=False
    )
    asked: list[str] = []
    said: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.goto(report)
    yield opened
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


def test_boxes_and_heat_map_are_switched(tab: Any) -> None:
    boxes, heat = tab.locator("#f1 .boxes"), tab.locator("#f1 .heat")
    assert boxes.is_visible()
    assert heat.is_hidden()
    tab.check("#show-heat")
    assert heat.is_visible()
    tab.uncheck("#show-boxes")
    assert boxes.is_hidden()


def test_boxes_and_heat_map_lie_on_the_picture(tab: Any) -> None:
    tab.check("#show-heat")
    picture = tab.locator("#f1 .picture > img").first.bounding_box()
    for layer in ("#f1 .boxes", "#f1 .heat"):
        box = tab.locator(layer).bounding_box()
        for side in ("x", "y", "width", "height"):
            assert abs(box[side] - picture[side]) < 1.5, (layer, side)


def followed(link: Any) -> str:
    """The place in the page that a link leads to, once it is there."""
    target: str = link.get_attribute("href")
    link.click()
    link.page.wait_for_url(f"**{target}")
    return target


def test_a_cell_leads_to_its_place(tab: Any) -> None:
    target = followed(tab.locator(".gallery a").nth(5))
    box = tab.locator(f"{target} .box").bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= tab.viewport_size["height"]
    tools = tab.locator(".tools").bounding_box()
    assert box["y"] + box["height"] > tools["y"] + tools["height"]  # not hidden below it


def test_a_field_that_is_jumped_to_stands_at_the_top(tab: Any) -> None:
    target = followed(tab.locator("#cases td:last-child a").first)
    tools = tab.locator(".tools").bounding_box()
    box = tab.locator(target).bounding_box()
    assert box is not None
    assert 0 <= box["y"] - tools["height"] < 80


def test_nothing_is_wider_than_the_window(tab: Any) -> None:
    width = tab.locator("html").bounding_box()["width"]
    for part in ("main", ".tools", ".field >> nth=0", ".gallery >> nth=0"):
        box = tab.locator(part).first.bounding_box()
        assert box["x"] + box["width"] <= width + 1, part


def test_names_are_shown_and_do_nothing(tab: Any) -> None:
    assert tab.get_by_text("P1 <b>").first.is_visible()
    assert tab.locator("#failed").get_by_text("torn <i>.jpg").is_visible()
    assert tab.get_by_text("Not a medical device.").first.is_visible()


def test_the_most_needy_case_and_field_come_first(tab: Any) -> None:
    cases = tab.locator("section.case").all()
    assert "P2" in cases[0].locator("h3").text_content()  # one of its files has no answer
    titles = [title.text_content() for title in tab.locator("h4").all()]
    assert [int(title.partition(".")[0]) for title in titles] == list(range(1, 9))
    for case in cases:
        counts = [field.locator("li").count() for field in case.locator("article").all()]
        assert len(counts) == 4
        assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(chromium: Any, report: str, size: str, scheme: str) -> None:
    axe = next((path for path in AXE if path.is_file()), None)
    if axe is None:
        pytest.skip("no axe here: npm ci --prefix client/allclient/web")
    width, height = SIZES[size]
    opened = chromium(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    )
    opened.goto(report)
    opened.check("#show-heat")
    opened.add_script_tag(path=str(axe))
    found = opened.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []
    assert len(found["passes"]) > 15


def test_it_prints(chromium: Any, report: str, tmp_path: Path) -> None:
    opened = chromium()
    opened.goto(report)
    data = opened.pdf(format="A4")
    assert data.startswith(b"%PDF")
    assert 3 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") <= 20


def test_two_thousand_fields_open(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pictures are few: making them is what takes long.
    monkeypatch.setattr(pages, "load", functools.cache(pages.load))
    made: dict[int, tuple[object, str]] = {}
    plain = pages._webp

    def webp(image: Any, quality: int) -> str:
        if id(image) not in made:
            made[id(image)] = (image, plain(image, quality))
        return made[id(image)][1]

    monkeypatch.setattr(pages, "_webp", webp)
    path = write(tmp_path, 2000)
    assert path.stat().st_size < 64 * 1024 * 1024
    opened = chromium(viewport={"width": 1280, "height": 900})
    opened.goto(path.as_uri())
    assert opened.locator("article").count() == 2000
    opened.evaluate("document.querySelector('#f2000').scrollIntoView()")
    opened.locator("#f2000 .picture > img").first.wait_for(state="visible")
