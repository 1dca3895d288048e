"""The page with a real server and a real browser (Debian's Chromium through Playwright)."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra web")
pytest.importorskip("playwright.sync_api", reason="Playwright is of the extra dev")

from playwright.sync_api import Browser, expect, sync_playwright

from allclient.store import Store
from allclient.web import serving
from allclient.web.program import Program
from allclient.web.settings import VENDOR, Settings
from tests.unit.web.conftest import Double
from tests.web.person import Person, Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = VENDOR / "axe-core" / "axe.min.js"
VIEWER = VENDOR / "openseadragon"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        running = playwright.chromium.launch(**options)  # type: ignore[arg-type]
        yield running
        running.close()


@contextmanager
def serving_page(
    store: Store, settings: Settings, proxies: tuple[str, ...] = ()
) -> Iterator[Served]:
    """The page on a free port of this machine."""
    page = Program(store, settings)
    double = Double()
    page.worker.use(double)
    listening = serving.listen("127.0.0.1", 0)
    started = threading.Event()
    server = page.server(proxies, ready=started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    with page.working():
        thread.start()
        started.wait()
        try:
            yield Served(page, double, serving.url_of(listening))
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    if not (AXE.is_file() and VIEWER.is_dir()):
        pytest.skip("no viewer and no axe here: npm ci --prefix client/allclient/web")
    with serving_page(Store(tmp_path / "data"), Settings()) as page:
        yield page


@pytest.fixture
def anna(browser: Browser, served: Served) -> Iterator[Person]:
    person = Person(browser, served)
    person.begin(served.link)
    yield person
    person.context.close()
    assert person.complaints == []
