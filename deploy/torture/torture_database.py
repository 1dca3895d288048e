"""PostgreSQL is killed under the web page while people upload files and give verdicts."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from torture_faults import Length
from torture_report import Found

from samples import render
from tests.serving.test_web import PASSWORD, logged_in, web
from tests.unit.store.postgres import Postgres, why_not
from tests.waiting import until

Ask = Callable[..., Any]
"""Asks the page's interface as somebody: ``ask("GET", "/cases/1")`` returns the answer."""

PEOPLE: Final = 4
AWAY: Final = 503
_PAUSE: Final = 0.2


class Person:
    """Somebody who uploads a file, says what it shows, and begins again.

    ``files`` and ``verdicts`` are what the page accepted, by field; ``away`` counts the answers
    that the database is away. After such a one the person repeats, as the page itself does.
    """

    def __init__(self, ask: Ask, case_id: int, name: str) -> None:
        self._ask, self._case, self._name = ask, case_id, name
        self.files: dict[int, bytes] = {}
        self.verdicts: dict[int, str] = {}
        self.away = 0

    def work(self, images: Sequence[bytes], go_on: Callable[[], bool]) -> None:
        """Upload and verify one file after the other."""
        while go_on():
            number = len(self.files)
            said = f"{self._name} {number}"
            data = _marked(images[number % len(images)], said)
            field = self._upload(data, f"{said}.jpg")
            self.files[field["id"]] = data
            self._verify(field, said)

    def lost(self) -> list[str]:
        """Return what was accepted and is not there, or is there twice."""
        found = []
        for field_id, data in self.files.items():
            if self._patiently("GET", f"/fields/{field_id}/file").content != data:
                found.append(f"the file of field {field_id}")
        for field_id, said in self.verdicts.items():
            if self._said(self._patiently("GET", f"/fields/{field_id}").json()).count(said) != 1:
                found.append(f"the verdict of field {field_id}")
        return found

    def _upload(self, data: bytes, name: str) -> Any:
        answer = self._patiently(
            "POST",
            f"/cases/{self._case}/fields",
            params={"name": name},
            content=data,
            headers={"content-type": "application/octet-stream"},
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def _verify(self, field: Any, said: str) -> None:
        path = f"/fields/{field['id']}"
        while said not in self._said(field):
            verdict = {"seen": field["version"], "verdict": "unusable", "comment": said}
            answer = self._patiently("POST", f"{path}/verifications", json=verdict)
            assert answer.status_code in (201, 409), answer.text
            # The backbones or this person's own first try were faster: look again.
            field = self._patiently("GET", path).json()
            if answer.status_code == 201:
                break
        self.verdicts[field["id"]] = said

    def _patiently(self, method: str, path: str, **options: Any) -> Any:
        while (answer := self._ask(method, path, **options)).status_code == AWAY:
            assert answer.json()["error"]["code"] == "database"
            self.away += 1
            time.sleep(_PAUSE)
        return answer

    @staticmethod
    def _said(field: Any) -> list[str]:
        return [one["comment"] for one in field.get("verifications", ())]


def _marked(image: bytes, text: str) -> bytes:
    """Return a JPEG of the same pixels that no other is equal to: with a comment."""
    comment = text.encode()
    return image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]


def kill_under(
    postgres: Postgres, people: Sequence[Person], images: Sequence[bytes], kills: int
) -> Found:
    """Have people work while the database is stopped at once and killed in turns."""
    found, over = Found(), threading.Event()
    ends = {
        "stopped at once": postgres.stop_at_once,
        "kill -9 of the postmaster": postgres.kill,
    }

    def done() -> int:
        return sum(len(person.verdicts) for person in people)

    def told() -> int:
        return sum(person.away for person in people)

    with ThreadPoolExecutor(len(people)) as pool:
        working = [pool.submit(person.work, images, lambda: not over.is_set()) for person in people]
        try:
            for word, end in islice(cycle(ends.items()), kills):
                _wait_for(2 * len(people), done, working)
                end()
                found.faults[word] += 1
                try:
                    _wait_for(1, told, working)
                finally:
                    postgres.start()
            _wait_for(len(people), done, working)
        finally:
            over.set()
        for one in working:
            one.result()
    found.notes = [line for person in people for line in person.lost()]
    found.tried = sum(len(person.files) + len(person.verdicts) for person in people)
    found.lost = len(found.notes)
    return found


def _wait_for(more: int, count: Callable[[], int], working: Iterable[Future[None]]) -> None:
    """Wait until a count has grown by so many; who stopped to work says why."""
    enough = count() + more
    while count() < enough:
        for one in working:
            if one.done():
                one.result()
        time.sleep(0.05)


def database(length: Length) -> Found:
    """The whole page with its own server, and PostgreSQL under it."""
    if reason := why_not():
        return Found(skipped=reason)
    with (
        Postgres() as postgres,
        tempfile.TemporaryDirectory() as folder,
        web(Path(folder), "--database", postgres.url) as running,
    ):
        link = running.said[running.said.index("/welcome/") :].split()[0]
        browsers = [logged_in(running.browser(), link, again=PASSWORD)]
        browsers += [logged_in(running.browser(), "/login") for _ in range(PEOPLE - 1)]
        asking = [_asking(browser) for browser in browsers]
        case_id = asking[0]("POST", "/cases", json={"name": "Killed"}).json()["id"]
        people = [Person(ask, case_id, f"person {place}") for place, ask in enumerate(asking)]
        found = kill_under(postgres, people, render.encoded(count=6, seed=3), length.kills)

        def count() -> Any:
            return asking[0]("GET", f"/cases/{case_id}").json()["count"]

        until(lambda: count()["waiting"] == 0, "all answers")
        files = sum(len(person.files) for person in people)
        if count()["answered"] != files:
            found.notes.append(f"of {files} fields: {count()}")
            found.lost += 1
        return found


def _asking(browser: Any) -> Ask:
    browser.headers["accept"] = "application/json"
    return lambda method, path, **options: browser.request(method, f"/api/v1{path}", **options)
