"""Keys that come sooner than the page: a verdict never goes to a field that nobody saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from allclient.contract import Subtype
from allclient.store import cells, verifications
from allclient.store.schema import Verification
from allclient.web import views
from tests.unit.store.made import with_cells
from tests.web.person import Person, Served, files, uploaded

# What a person sees when a key goes down: the name in the panel, and the picture on the screen.
SEES = """
window.seen = [];
window.addEventListener("keydown", (event) => {
  if (!document.getElementById("panel")) return;
  window.seen.push([event.key, document.querySelector("#field h2").textContent]);
}, true);
"""


def verdicts(served: Served) -> list[tuple[str, str]]:
    """What was saved, in order: the key that says it, and the name of the field."""
    with served.page.store.read() as session:
        rows = session.query(Verification).order_by(Verification.id).all()
        keys = {"unusable": "u", "confirmed": "c", "benign": "1", "pro_b": "4"}
        return [
            (keys[row.subtype or "" if row.verdict == "corrected" else row.verdict], row.field.name)
            for row in rows
        ]


def refused(text: str) -> int:
    """How many keys the page says that it did not use."""
    _, _, names = text.partition("on the screen: ")
    return sum(
        int(name.partition("(")[2].partition(" ")[0] or 1)
        for name in names.rstrip(".").split(", ")
        if name
    )


def settled(anna: Person) -> None:
    expect(anna.page.locator("[data-turn=open]")).to_be_attached()


def test_keys_as_fast_as_they_can_go_to_the_field_on_the_screen_or_are_named(
    anna: Person, served: Served, tmp_path: Path
) -> None:
    anna.context.add_init_script(SEES)
    uploaded(anna, files(tmp_path, 6))
    anna.page.evaluate(
        """() => {
          window.told = [];
          const said = document.getElementById("said");
          new MutationObserver(() => window.told.push(said.textContent))
            .observe(said, { childList: true, characterData: true, subtree: true });
        }"""
    )
    settled(anna)
    pressed = "1c4uj1ccukc4cc1u" * 3
    for key in pressed:
        anna.page.keyboard.press(key)
    settled(anna)
    done = verdicts(served)
    seen = [tuple(one) for one in anna.page.evaluate("window.seen")]
    # Each verdict is a key that was pressed while its field was shown, in the same order.
    rest = iter(seen)
    assert all(one in rest for one in done), (done, seen)
    # Each other one was named: the notice is forgotten with the next verdict, so count its parts.
    told: list[str] = anna.page.evaluate("window.told")
    named = sum(
        max(0, refused(after) - refused(before))
        for before, after in zip(["", *told], told, strict=False)
    )
    moves = sum(key in "jk" for key in pressed)
    assert len(pressed) - len(done) - moves <= named <= len(pressed) - len(done)
    assert done


class Gate:
    """Holds a function of the server back until the test lets it go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.closed = False
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self.closed:
            self.reached.set()
            assert self.go.wait(240)
        return self.function(*arguments, **options)


GATES = {
    "the verdict is on its way": (verifications, "verify"),
    "the next panel is on its way": (cells, "of_field"),
    "the next picture is on its way": (views, "picture"),
}


@pytest.mark.parametrize("state", GATES)
def test_a_key_that_comes_too_early_is_named_and_changes_nothing(
    anna: Person, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    module, name = GATES[state]
    gate = Gate(getattr(module, name))
    monkeypatch.setattr(module, name, gate)
    uploaded(anna, files(tmp_path, 3))
    settled(anna)
    first = anna.page.locator("#field h2").inner_text()
    gate.closed = True
    anna.page.keyboard.press("1")
    assert gate.reached.wait(120)
    for key in "4cm":
        anna.page.keyboard.press(key)
    expect(anna.page.locator("#said")).to_contain_text("on the screen: 4, c, m.")
    anna.page.keyboard.type("cu")  # of a comment that could not be begun
    gate.closed = False
    gate.go.set()
    settled(anna)
    expect(anna.page.locator("#said")).to_have_text(
        f"{first}: corrected. Not used, as it came before the field was on the screen: "
        "4, c (2 times), m, u."
    )
    assert verdicts(served) == [("1", first)]
    second = anna.page.locator("#field h2").inner_text()
    assert second != first
    anna.press("4")
    settled(anna)
    assert verdicts(served) == [("1", first), ("4", second)]
    expect(anna.page.locator("#said")).to_have_text(f"{second}: corrected.")


def test_a_key_held_down_and_a_double_click_say_one_thing(
    anna: Person, served: Served, tmp_path: Path
) -> None:
    uploaded(anna, files(tmp_path, 4))
    settled(anna)
    first = anna.page.locator("#field h2").inner_text()
    anna.page.keyboard.down("c")
    for _ in range(3):
        settled(anna)
        anna.page.keyboard.down("c")
    anna.page.keyboard.up("c")
    settled(anna)
    assert verdicts(served) == [("c", first)]
    expect(anna.page.locator("#said")).to_contain_text("on the screen: c (3 times).")
    second = anna.page.locator("#field h2").inner_text()
    anna.page.get_by_role("button", name="Unusable").dblclick()
    settled(anna)
    assert verdicts(served) == [("c", first), ("u", second)]


def test_a_comment_that_was_not_sent_waits_at_its_field(anna: Person, tmp_path: Path) -> None:
    uploaded(anna, files(tmp_path, 2))
    settled(anna)
    anna.page.get_by_label("Comment").fill("large nucleoli")
    anna.page.keyboard.press("Escape")
    for key, words in (("j", ""), ("k", "large nucleoli")):
        anna.press(key)
        expect(anna.page.get_by_label("Comment")).to_have_value(words)


def test_a_class_that_a_cell_cannot_take_now_is_named_with_the_cell(
    anna: Person, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.double.says = with_cells(Subtype.PRE_B, Subtype.PRE_B, Subtype.PRE_B)
    gate = Gate(cells.correct)
    monkeypatch.setattr(cells, "correct", gate)
    uploaded(anna, files(tmp_path, 1))
    anna.page.get_by_role("link", name="Cells by class").click()
    expect(anna.page.locator("#gallery[data-ready]")).to_be_attached()
    for picture in anna.page.locator(".cells img").all():
        expect(picture).to_have_js_property("naturalWidth", views.CELL)
    gate.closed = True
    said = anna.page.locator("#said")
    anna.page.keyboard.press("ArrowRight")
    anna.page.keyboard.down("1")
    anna.page.keyboard.down("1")
    expect(said).to_contain_text("Cell 2 of field-00.png was not saved: a key that is held down")
    anna.page.keyboard.up("1")
    for key in ("ArrowLeft", "4"):
        anna.page.keyboard.press(key)
    expect(said).to_contain_text("Cell 1 of field-00.png was not saved: the class before")
    gate.closed = False
    gate.go.set()
    expect(anna.page.locator("[data-count=benign]")).to_have_text("1")
    expect(anna.page.locator("[data-count=pro_b]")).to_have_text("0")
    with served.page.store.read() as session:
        said_of = [cell.shown_as for cell in cells.of_field(session, 1)]
    assert said_of == ["benign", "pre_b", "pre_b"]
