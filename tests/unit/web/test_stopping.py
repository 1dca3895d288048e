"""The program stops while files are still on their way."""

from __future__ import annotations

import json
import logging
import socket
import threading

import pytest

from allclient.store import fields
from allclient.web import serving
from allclient.web.people import COOKIE
from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import Visitor
from tests.waiting import until


def begun(visitor: Visitor, address: tuple[str, int], case_id: int, kind: str) -> socket.socket:
    """An upload of which the second half never comes."""
    head = (
        f"POST /api/v1/cases/{case_id}/{kind}?name=late.png HTTP/1.1",
        "host: testserver",
        f"cookie: {COOKIE}={visitor.cookies[COOKIE]}",
        f"x-csrf-token: {visitor.csrf}",
        "content-type: application/octet-stream",
        f"content-length: {2 * len(picture())}",
    )
    connection = socket.create_connection(address, timeout=120)
    connection.sendall("\r\n".join([*head, "", ""]).encode() + picture())
    return connection


def test_unfinished_uploads_get_an_answer_and_what_was_accepted_stays(
    page: Program, anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "_GRACE", 0.2)
    case_id = anna.case()
    assert anna.upload(case_id, picture(1)).status_code == 201
    listening = serving.listen("127.0.0.1", 0)
    started = threading.Event()
    server = page.server(ready=started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    with caplog.at_level(logging.INFO):
        thread.start()
        assert started.wait(120)
        kinds = ("fields", "archives")
        uploads = [begun(anna, listening.getsockname(), case_id, kind) for kind in kinds]
        until(lambda: len(server.server_state.tasks) == len(uploads), "both uploads")
        server.should_exit = True
        answers = []
        for upload in uploads:
            with upload, upload.makefile("rb") as file:
                answers.append(file.read())
        thread.join()
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "stopping"
    assert server.cut == len(uploads)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    with page.store.read() as session:
        assert fields.count(session, case_id) == 1
    assert list((page.store.folder / "incoming").iterdir()) == []
