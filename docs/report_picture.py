"""Draws docs/images/report.webp: a part of the report that `make demo` writes, of drawn fields.

Run: python docs/report_picture.py build/demo.html docs/images/report.webp
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1280, 860
MOST_BYTES = 150_000


def main(page: Path, picture: Path) -> None:
    """A field of the case "blasts", with what is said of it, and the switches above."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.evaluate("document.querySelector('.case .field:nth-of-type(4)').scrollIntoView()")
        tab.wait_for_timeout(500)
        shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        browser.close()
    shot.save(picture, "WEBP", quality=80, method=6)
    size = picture.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{picture}: {size} bytes, at most {MOST_BYTES}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
