"""The page is killed inside of an upload: what was accepted stays, and of the rest nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("httpx2", reason="the test needs httpx2, of the extra web")

from allclient.store import Store, integrity
from tests.serving.test_web import PASSWORD, logged_in, upload, web
from tests.unit.store.made import picture
from tests.waiting import until

HALF = 1_500_000


def half_uploaded(url: str, cookie: str, csrf: str, data: bytes) -> socket.socket:
    """A request for the first case of which only the first half is sent."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"POST /api/v1/cases/1/fields?name=half.png HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    connection.sendall(head.encode() + data[: len(data) // 2])
    return connection


def test_a_kill_inside_an_upload_leaves_no_half_field(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    whole = picture(7) + os.urandom(2 * HALF)
    with web(folder, "--no-server") as running:
        link = re.search(r"/welcome/[\w-]+", running.said)
        assert link
        browser = logged_in(running.browser(), link[0], again=PASSWORD)
        assert browser.post("/api/v1/cases", json={"name": "Marrow"}).status_code == 201
        for number in range(3):
            assert upload(browser, 1, picture(number), f"{number}.png").status_code == 201
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        connections = [
            half_uploaded(running.url, cookie, browser.headers["x-csrf-token"], whole)
            for _ in range(3)
        ]
        incoming = folder / "incoming"
        until(
            lambda: sum(path.stat().st_size > 0 for path in incoming.iterdir()) == 3,
            "three files on their way",
        )
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        for connection in connections:
            connection.close()
    with web(folder, "--no-server") as again:
        browser = logged_in(again.browser(), "/login")
        fields = browser.get("/api/v1/cases/1/fields").json()
        assert sorted(field["name"] for field in fields) == ["0.png", "1.png", "2.png"]
        for field in fields:
            assert browser.get(f"/api/v1/fields/{field['id']}/file").status_code == 200
        taken = upload(browser, 1, whole, "half.png")
        assert (taken.status_code, taken.json()["new"]) == (201, True)
        assert browser.get(f"/api/v1/fields/{taken.json()['id']}/file").content == whole
    store = Store(folder)
    kept = [path for path in (folder / "files").rglob("*") if path.is_file()]
    with store.read() as session:
        assert integrity.check(session) is None
    assert len(kept) == 4
    # What the killed program left there goes when it is a day old.
    old = time.time() - 25 * 3600
    for path in incoming.iterdir():
        os.utime(path, (old, old))
    assert store.files.sweep() == 3
    store.close()
