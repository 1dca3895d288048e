"""What a person does in a browser, for the tests of the page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from allclient.web import program
from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import PASSWORD, Double

PATIENCE = 120_000
"""Milliseconds for anything that a person waits for, on a machine that has much else to do."""

SLOWER = os.environ.get("SLOWER_BROWSER")
"""``SLOWER_BROWSER=8 python -m pytest tests/web``: scripts take eight times as long."""


class Served:
    """The page at ``url``; ``link`` makes the first admin."""

    def __init__(self, page: Program, double: Double, url: str) -> None:
        self.page = page
        self.double = double
        self.url = url
        self.link = str(program.first_link(page.store, url))


class Person:
    """A browser of one person; what its console complains of is kept."""

    def __init__(self, browser: Browser, served: Served, **options: Any) -> None:
        self.served = served
        self.complaints: list[str] = []
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        if SLOWER:
            session = self.context.new_cdp_session(self.page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": float(SLOWER)})
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.strokes = 0

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "status of" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.served.url + path)

    def begin(self, link: str) -> None:
        """Become the first admin by a one-time link."""
        self.page.goto(link)
        self.page.get_by_label("Name").fill("Anna")
        self.page.get_by_label("Password, 12").fill(PASSWORD)
        self.page.get_by_label("The password again").fill(PASSWORD)
        self.page.get_by_role("button", name="Begin").click()
        expect(self.page.get_by_role("heading", name="Cases")).to_be_visible()

    def log_in(self, name: str) -> None:
        self.go("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Cases")).to_be_visible()

    def show(self, count: int) -> None:
        """The page of the case again, with the fields that were uploaded."""
        self.page.get_by_role("link", name="Show them").click()
        expect(self.page.locator("#fields a")).to_have_count(count)
        expect(self.page.locator("#case[data-ready]")).to_be_attached()

    def press(self, key: str) -> None:
        """When the page shows that it takes keys: a case, that its field is on the screen."""
        self.strokes += 1
        expect(self.page.locator("[data-turn=closed]")).to_have_count(0)
        self.page.keyboard.press(key)


def files(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"field-{number:02d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number, 240))
    return paths


def upload(person: Person, paths: list[Path]) -> None:
    """A new case with these files, all read."""
    person.go("/")
    person.page.get_by_label("New case").fill("Marrow 2026-114")
    person.page.keyboard.press("Enter")
    person.page.set_input_files("#files", paths)
    told = f"{len(paths)} of {len(paths)} files uploaded."
    expect(person.page.locator("#uploaded")).to_have_text(told)


def uploaded(person: Person, paths: list[Path]) -> None:
    """A new case with these files, shown."""
    upload(person, paths)
    person.show(len(paths))
