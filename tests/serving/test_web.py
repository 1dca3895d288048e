"""`allclient web` as a person starts it, with the real networks, and killed in the middle."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

httpx2 = pytest.importorskip("httpx2", reason="the test needs httpx2, of the extra dev")
pytest.importorskip("fastapi", reason="the page needs the extra web")

from PIL import Image, ImageChops

from samples import render
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = sorted((ROOT / "tests" / "reference").glob("*.jpg"))
PASSWORD = "correct horse battery"


class Web:
    """One running `allclient web`; ``said`` is what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        output: IO[str] | None = process.stdout
        assert output is not None
        self.said = ""
        while "Ctrl-C stops it." not in self.said:
            line = output.readline()
            assert line, self.said
            self.said += line
        address = re.search(r"http://127\.0\.0\.1:\d+", self.said)
        assert address
        self.url = address[0]

    def browser(self) -> Any:
        return httpx2.Client(base_url=self.url, timeout=60, headers={"accept": "text/html"})


@contextmanager
def web(data: Path, *options: str) -> Iterator[Web]:
    command = [
        sys.executable,
        "-m",
        "allclient",
        "web",
        "--data",
        str(data),
        "--port",
        "0",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Web(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def logged_in(browser: Any, path: str, **answers: str) -> Any:
    """The browser with the token of the page in every request it makes."""
    answer = browser.post(path, data={"name": "Anna", "password": PASSWORD, **answers})
    assert answer.status_code == 303, answer.text
    token = re.search('data-csrf="([0-9a-f]+)"', browser.get("/").text)
    assert token
    browser.headers["x-csrf-token"] = token[1]
    return browser


def upload(browser: Any, case_id: int, data: bytes, name: str) -> Any:
    return browser.post(
        f"/api/v1/cases/{case_id}/fields",
        params={"name": name},
        content=data,
        headers={"content-type": "application/octet-stream"},
    )


def moved_aside(field: Path) -> bytes:
    """The same cells a seventh of the width to the right; what leaves the field comes back left."""
    with Image.open(field) as image:
        turned = ImageChops.offset(image, image.width // 7, 0)
    buffer = io.BytesIO()
    turned.save(buffer, "PNG")
    return buffer.getvalue()


def test_uploads_are_read_by_the_networks_and_outlive_the_program(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with web(data) as running:
        link = re.search(r"/welcome/[\w-]+", running.said)
        assert link
        browser = logged_in(running.browser(), link[0], again=PASSWORD)
        case = browser.post("/api/v1/cases", json={"name": "Marrow"}).json()
        path = f"/api/v1/cases/{case['id']}"
        for file in REFERENCE:
            assert upload(browser, case["id"], file.read_bytes(), file.name).status_code == 201
        cut = upload(browser, case["id"], REFERENCE[0].read_bytes()[:5000], "cut-off.jpg")
        assert cut.status_code == 201
        moved = upload(browser, case["id"], moved_aside(REFERENCE[4]), "moved.png")
        until(lambda: browser.get(path).json()["count"]["waiting"] == 0, "all answers")
        similar = browser.get(f"/api/v1/fields/{moved.json()['id']}/similar").json()
        assert similar[0]["field"]["name"] == REFERENCE[4].name
        count = browser.get(path).json()["count"]
        assert (count["answered"], count["failed"]) == (len(REFERENCE) + 1, 1)
        failed = browser.get(f"/api/v1/fields/{cut.json()['id']}").json()["error"]
        assert failed["code"] == "image_truncated"

        accepted = []
        more = render.encoded(count=30, format="PNG")
        for number, image in enumerate(more):
            answer = upload(browser, case["id"], image, f"more-{number}.png")
            accepted.append(answer.json()["sha256"])
            if number == 20:
                break
        os.kill(running.process.pid, signal.SIGKILL)

    with web(data, "--no-server") as again:
        browser = logged_in(again.browser(), "/login")
        fields = browser.get(f"{path}/fields", params={"limit": 500}).json()
        assert {field["sha256"] for field in fields} >= set(accepted)
        assert len(fields) == len(REFERENCE) + 2 + len(accepted)
        for field in fields:
            assert browser.get(f"/api/v1/fields/{field['id']}/file").status_code == 200
        assert "not running" in browser.get(f"/cases/{case['id']}").text
        answered = next(field for field in fields if field["state"] == "answered")
        verified = browser.post(
            f"/api/v1/fields/{answered['id']}/verifications",
            json={"seen": answered["version"], "verdict": "confirmed"},
        )
        assert verified.status_code == 201
    assert again.process.returncode == 0

    check = [sys.executable, "-m", "allclient", "store", "check", "--data", str(data)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
