"""The page under a path of a real proxy: nothing is asked for outside of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from allclient.contract import Subtype
from allclient.store import Store
from allclient.web.settings import Settings
from tests.unit.store.made import with_cells
from tests.web.conftest import serving_page
from tests.web.nginx import NGINX, Nginx
from tests.web.person import Person, files, uploaded

LINKS = {
    "Cells by class": "Cells of Marrow 2026-114",
    "Search": "Search",
    "Readers": "Agreement of readers",
    "Account": "Anna",
    "People": "People",
    "Audit log": "Audit log",
}


@pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light")
def test_a_case_goes_from_upload_to_signature_behind_nginx(
    browser: Browser, tmp_path: Path
) -> None:
    settings = dataclasses.replace(Settings(), root_path="/smears")
    store = Store(tmp_path / "data")
    with (
        serving_page(store, settings, proxies=("127.0.0.1",)) as served,
        Nginx(urlsplit(served.url).port or 0, tmp_path / "nginx") as nginx,
    ):
        link = served.link.replace(served.url, nginx.url)
        served.url = nginx.url
        served.double.says = with_cells(Subtype.PRE_B, Subtype.PRE_B)
        anna = Person(browser, served)
        asked: list[str] = []
        failed: list[str] = []
        anna.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        anna.page.on(
            "response",
            lambda answer: failed.append(answer.url) if answer.status >= 400 else None,
        )
        anna.begin(link)
        uploaded(anna, files(tmp_path, 2))
        anna.press("h")
        expect(anna.page.locator("canvas.heatmap")).to_have_css("opacity", "0.5")
        for key in ("c", "c", "s", "m", "Enter"):
            anna.press(key)
        expect(anna.page.locator(".signed")).to_contain_text("Signed: malignant by Anna")
        for name, title in LINKS.items():
            anna.page.get_by_role("link", name=name).first.click()
            expect(anna.page.locator("h1")).to_have_text(title)
        anna.page.get_by_role("button", name="Log out").click()
        expect(anna.page.get_by_role("heading", name="Log in")).to_be_visible()
        (cookie,) = [one for one in anna.context.cookies() if "session" in one["name"]] or [None]
        assert cookie is None
        anna.context.close()
    assert failed == []
    assert {path for path in asked if not path.startswith("/smears/")} == set()
    assert anna.complaints == []
