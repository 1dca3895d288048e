"""A session that ends while somebody works, and a browser that runs no scripts."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from allclient.store import fields, tokens
from tests.web.person import Person, Served, files, uploaded


def test_a_session_that_ends_in_the_middle_loses_no_words_and_shows_nothing_after_a_logout(
    anna: Person, served: Served, tmp_path: Path
) -> None:
    uploaded(anna, files(tmp_path, 2))
    expect(anna.page.locator("[data-turn=open]")).to_be_attached()
    case = anna.page.url
    name = anna.page.locator("#field h2").inner_text()
    anna.page.get_by_label("Comment").fill("large nucleoli")
    with served.page.store.write() as session:
        tokens.revoke_sessions(session, 1)
    said = anna.page.locator("#said")
    anna.page.get_by_role("button", name="Unusable").click()
    expect(said).to_contain_text("Not saved: you are not logged in any more")
    expect(anna.page.get_by_label("Comment")).to_have_value("large nucleoli")
    anna.page.keyboard.press("Escape")
    anna.press("j")
    expect(said).to_contain_text("copy what you wrote")
    expect(anna.page.locator("#field h2")).to_have_text(name)
    expect(anna.page.get_by_label("Comment")).to_have_value("large nucleoli")
    with served.page.store.read() as session:
        assert [field.verdict for field in fields.by_need(session, 1, limit=9)] == ["", ""]

    anna.log_in("Anna")
    anna.page.goto(case)
    expect(anna.page.locator("#field h2")).to_be_visible()
    anna.page.get_by_role("button", name="Log out").click()
    expect(anna.page.get_by_role("heading", name="Log in")).to_be_visible()
    anna.page.go_back()
    expect(anna.page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(anna.page.locator("#field")).to_have_count(0)


def test_without_scripts_a_case_is_shown_and_says_what_it_lacks(
    anna: Person, browser: Browser, served: Served, tmp_path: Path
) -> None:
    uploaded(anna, files(tmp_path, 2))
    plain = Person(browser, served, java_script_enabled=False)
    plain.log_in("Anna")
    plain.page.goto(anna.page.url)
    # Chromium that is told to run no scripts shows no <noscript> either, as others do.
    assert "<noscript>" in plain.page.content()
    last = plain.page.locator("#fields a").last
    wanted = str(last.get_attribute("data-field"))
    last.click()
    expect(plain.page.locator("#field")).to_have_attribute("data-field", wanted)
    plain.context.close()
