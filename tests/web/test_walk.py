"""From the first start to the last verdict, as a person does it; then axe on every page."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from allclient.contract import ReviewReason, Subtype
from allclient.store import SYSTEM, Actor, fields, users, verifications
from allclient.store.words import Role, Verdict
from allclient.web import views
from tests.unit.store.made import picture, result, with_cells
from tests.unit.web.conftest import PASSWORD
from tests.web.conftest import AXE
from tests.web.person import Person, Served, files, upload, uploaded

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
PAGES = [
    "/fields/1/similar",
    "/cells/1/similar",
    "/search",
    "/agreement",
    "/drift",
    "/account",
    "/people",
    "/audit",
    "/nowhere",
]
WHOLE = {("desk", "light"), ("phone", "dark")}
"""Each size and each scheme on every page; the other two on the pages that people work with."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def test_upload_of_30_files_and_review_by_keyboard_alone(anna: Person, tmp_path: Path) -> None:
    paths = files(tmp_path, 28)
    cut = tmp_path / "cut-off.png"
    cut.write_bytes(picture(500) + b"broken")
    text = tmp_path / "letter.html"
    text.write_text("<script>alert(1)</script>")
    anna.page.get_by_label("New case").fill("Marrow 2026-114")
    anna.page.keyboard.press("Enter")
    anna.page.set_input_files("#files", [*paths, cut, text])
    expect(anna.page.locator("#uploaded")).to_have_text("29 of 30 files uploaded, 1 refused.")
    problems = anna.page.locator("#problems li")
    expect(problems).to_have_count(2)
    said = sorted(problems.all_inner_texts())
    assert said[0] == "cut-off.png: the file ends too early"
    assert said[1].startswith("letter.html: the file is no image of a kind that is read here")
    anna.show(29)
    expect(anna.page.locator("#field h2")).to_have_text("cut-off.png")

    first = anna.page.locator("#look-first li")
    expect(first.first).to_contain_text("cut-off.png")
    anna.press("u")
    expect(first.first).not_to_contain_text("cut-off.png")
    for key in ["1", "4", *"c" * 26]:
        anna.press(key)
    expect(anna.page.locator("[data-count=verified]")).to_have_text("29")
    expect(anna.page.locator("#said")).to_contain_text("Every field here has a verdict.")
    expect(first).to_have_count(0)
    assert anna.strokes == 29
    with anna.served.page.store.read() as session:
        verdicts = [field.verdict for field in fields.by_need(session, 1, limit=99)]
    assert sorted(verdicts) == ["confirmed"] * 26 + ["corrected"] * 2 + ["unusable"]


def test_an_answer_whose_event_was_missed_is_found_and_told_once_if_it_was_late(
    anna: Person, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: dict[str, tuple[int, dict[str, Any]]] = {}
    publish = served.page.hub.publish
    monkeypatch.setattr(
        served.page.hub, "publish", lambda case, event: late.update({event["name"]: (case, event)})
    )
    paths = files(tmp_path, 2)
    paths[1].write_bytes(picture(1) + b"broken")
    upload(anna, paths)
    problems = anna.page.locator("#problems li")
    expect(problems).to_have_text(["field-01.png: the file ends too early"])
    case, event = late["field-01.png"]
    publish(case, event)
    publish(case, {**event, "field": 0, "name": "the last"})
    expect(problems.last).to_have_text("the last: the file ends too early")
    expect(problems).to_have_count(2)
    anna.show(2)


def test_the_picture_zooms_and_the_heat_map_comes_by_key(anna: Person, tmp_path: Path) -> None:
    uploaded(anna, files(tmp_path, 2))
    heat = anna.page.locator("canvas.heatmap")
    expect(heat).to_have_css("opacity", "0")
    anna.press("h")
    expect(heat).to_have_css("opacity", "0.5")
    anna.press("]")
    expect(heat).to_have_css("opacity", "0.6")
    before = heat.bounding_box()
    anna.press("+")
    anna.page.wait_for_function(
        "width => document.querySelector('canvas.heatmap').getBoundingClientRect().width > width",
        arg=before["width"] * 1.3 if before else 0,
    )
    anna.press("?")
    expect(anna.page.get_by_role("heading", name="Keys")).to_be_visible()
    anna.page.get_by_label("Single keys act").uncheck()
    anna.page.get_by_role("button", name="Close").click()
    anna.press("h")
    expect(heat).to_have_css("opacity", "0.6")


def test_keys_typed_into_a_comment_do_nothing_else(anna: Person, tmp_path: Path) -> None:
    uploaded(anna, files(tmp_path, 2))
    anna.press("m")
    anna.page.keyboard.type("cuh1")
    assert anna.page.get_by_label("Comment").input_value() == "cuh1"
    anna.press("Escape")
    anna.press("c")
    expect(anna.page.locator("[data-count=verified]")).to_have_text("1")
    anna.press("k")
    expect(anna.page.locator(".history")).to_contain_text("cuh1")


def test_who_looks_at_an_older_state_is_told_and_loses_no_words(
    anna: Person, browser: Browser, served: Served, tmp_path: Path
) -> None:
    uploaded(anna, files(tmp_path, 2))
    with served.page.store.write() as session:
        users.add(session, SYSTEM, "Bert", users.hash_password(PASSWORD), Role.READER)
    bert = Person(browser, served)
    bert.log_in("Bert")
    bert.page.goto(anna.page.url)
    name = anna.page.locator("#field h2").inner_text()
    expect(bert.page.locator("#field h2")).to_have_text(name)
    anna.press("1")
    expect(anna.page.locator("[data-count=verified]")).to_have_text("1")
    bert.page.get_by_label("Comment").fill("large nucleoli")
    bert.page.get_by_role("button", name="Confirm").click()
    expect(bert.page.locator("#said")).to_contain_text("Anna changed this field")
    expect(bert.page.get_by_label("Comment")).to_have_value("large nucleoli")
    expect(bert.page.locator(".history")).to_contain_text("by Anna")
    bert.context.close()


def test_two_cells_are_corrected_and_one_is_found_in_its_field(
    anna: Person, served: Served, tmp_path: Path
) -> None:
    served.double.says = with_cells(Subtype.PRE_B, Subtype.PRE_B, Subtype.PRE_B)
    uploaded(anna, files(tmp_path, 2))
    anna.page.get_by_role("link", name="Cells by class").click()
    expect(anna.page.locator("#gallery[data-ready]")).to_be_attached()
    benign = anna.page.locator("[data-count=benign]")
    for number in (0, 4):
        shown = anna.page.locator(".cells img").nth(number)
        expect(shown).to_have_js_property("naturalWidth", views.CELL)
    anna.press("ArrowRight")
    anna.press("1")
    expect(benign).to_have_text("1")
    dragged = anna.page.locator(".cells [data-cell]").nth(4)
    dragged.drag_to(anna.page.locator(".classes [data-subtype=benign]"))
    expect(benign).to_have_text("2")
    expect(anna.page.locator("[data-count=pre_b]")).to_have_text("4")
    anna.page.reload()
    expect(anna.page.locator("#gallery[data-ready]")).to_be_attached()
    expect(anna.page.locator(".cells [data-cell]")).to_have_count(4)
    anna.press("ArrowRight")
    anna.press("Enter")
    chosen = anna.page.locator(".boxes rect.chosen")
    expect(chosen).to_be_visible()
    anna.press("b")
    expect(anna.page.locator(".boxes")).to_be_hidden()


def unusable(served: Served, field_id: int) -> None:
    """What another reader says in the meantime."""
    with served.page.store.write() as session:
        seen = fields.get(session, field_id).version
        verifications.verify(session, Actor("Bert"), field_id, seen=seen, verdict=Verdict.UNUSABLE)


def test_a_case_is_signed_by_keys_and_its_report_is_a_page_and_a_pdf(
    anna: Person, served: Served, tmp_path: Path
) -> None:
    uploaded(anna, files(tmp_path, 2))
    for key in ("c", "c"):
        anna.press(key)
    expect(anna.page.locator("[data-count=verified]")).to_have_text("2")
    unusable(served, field_id=1)
    signed = anna.page.locator(".signed")
    for key in ("s", "m", "Enter"):
        anna.press(key)
    expect(anna.page.locator("#signing-problem")).to_contain_text("changed while you looked at it")
    expect(anna.page.locator("#signing-problem")).to_contain_text("Bert verified field-00.png")
    changed = anna.page.locator("#signing-changes a")
    expect(changed).to_have_attribute("href", "/cases/1?field=1")
    expect(signed).to_have_count(0)
    anna.page.get_by_role("button", name="Load the page again").click()
    expect(anna.page.locator("#case[data-ready]")).to_be_attached()
    expect(anna.page.locator("#signing")).to_be_hidden()
    for key in ("c", "s", "m", "Enter"):
        anna.press(key)
    expect(signed).to_contain_text("Signed: malignant by Anna")
    with anna.page.expect_download() as pdf:
        anna.page.get_by_role("link", name="PDF").click()
    assert pdf.value.path().read_bytes().startswith(b"%PDF-")
    anna.page.get_by_role("link", name="Report").click()
    expect(anna.page.locator(".conclusion")).to_have_text("Malignant")
    expect(anna.page.locator(".pictures img")).to_have_count(2)


def test_a_second_reader_reads_blind_and_where_both_differ_is_found_and_exported(
    anna: Person, browser: Browser, served: Served, tmp_path: Path
) -> None:
    served.double.says = with_cells(Subtype.PRE_B)
    uploaded(anna, files(tmp_path, 2))
    first = anna.page.locator("#field h2").inner_text()
    for key in "1c":
        anna.press(key)
    expect(anna.page.locator("[data-count=verified]")).to_have_text("2")
    with served.page.store.write() as session:
        users.add(session, SYSTEM, "Bert", users.hash_password(PASSWORD), Role.READER)
    bert = Person(browser, served)
    bert.log_in("Bert")
    bert.go(f"/cases/1?field={1 if first.endswith('00.png') else 2}")
    expect(bert.page.locator(".history")).to_contain_text("by Anna")
    bert.page.get_by_role("button", name="Read blind").click()
    expect(bert.page.locator(".notice").first).to_contain_text("Blind reading")
    expect(bert.page.locator("[data-count=verified]")).to_have_text("0")
    expect(bert.page.locator(".history")).to_have_count(0)
    for key in "cc":
        bert.press(key)
    expect(bert.page.locator("[data-count=verified]")).to_have_text("2")
    bert.go("/search")
    expect(bert.page.get_by_role("status")).to_have_text("0 fields")
    bert.go("/cases/1")
    bert.page.get_by_role("button", name="End the blind reading").click()
    expect(bert.page.locator(".history")).to_contain_text("by Anna")
    expect(bert.page.locator(".history")).to_contain_text("by Bert, blind")
    bert.page.get_by_role("link", name="Readers").click()
    expect(bert.page.get_by_role("row", name="Anna, Bert")).to_contain_text("50.0%")
    bert.page.get_by_role("link", name="Fields of which readers differ").click()
    expect(bert.page.get_by_role("status")).to_have_text("1 field")
    with bert.page.expect_download() as table:
        bert.page.get_by_role("link", name="CSV").click()
    assert f",{first}," in table.value.path().read_text("utf-8")
    bert.context.close()
    assert bert.complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    anna: Person, browser: Browser, served: Served, tmp_path: Path, size: str, scheme: Any
) -> None:
    doubtful = result(Subtype.PRE_B, 0.6, (ReviewReason.DISAGREEMENT,))
    cells = with_cells(Subtype.PRE_B, Subtype.BENIGN)
    served.double.says = dataclasses.replace(doubtful, cells=cells.cells, features=cells.features)
    uploaded(anna, files(tmp_path, 3))
    case = re.sub(r"^http://[^/]+", "", anna.page.url)
    anna.press("c")
    expect(anna.page.locator("[data-count=verified]")).to_have_text("1")
    width, height = SIZES[size]
    # axe is put into the page, which the page's own policy forbids.
    judge = Person(browser, served, bypass_csp=True, color_scheme=scheme)
    judge.page.set_viewport_size({"width": width, "height": height})
    findings = {}
    paths = ["/login", "/welcome/x", "/", case, f"{case}/cells"]
    if (size, scheme) in WHOLE:
        paths += PAGES
    for path in paths:
        if path == "/":
            judge.log_in("Anna")
        judge.go(path)
        if path == case:
            expect(judge.page.locator("[data-turn=open]")).to_be_attached()
        judge.page.add_script_tag(path=AXE)
        found = judge.page.evaluate(
            "tags => axe.run({runOnly: {type: 'tag', values: tags}})", RULES
        )
        findings[path] = [
            f"{one['id']}: {node['html'][:100]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        wide = judge.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} px wider than the screen"
    judge.context.close()
    assert findings == {path: [] for path in findings}
