"""The page in this process, on SQLite, with a classifier that answers at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra web")
pytest.importorskip("httpx2", reason="the tests of the page need httpx2")

from argon2 import PasswordHasher
from starlette.testclient import TestClient

from allclient.contract import Subtype
from allclient.errors import ImageRejectedError, ServerUnavailableError
from allclient.result import Result
from allclient.store import SYSTEM, Store, users
from allclient.store.words import Role
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.store.made import result
from tests.waiting import until

PASSWORD = "correct horse battery"


class Double:
    """A classifier: ``away`` as when no server answers; a file with "broken" in it is refused."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.says = result(Subtype.PRE_B)

    def classify(self, source: bytes, /, *, features: bool, um_per_pixel: float | None) -> Result:
        assert features
        self.asked += 1
        if self.away:
            raise ServerUnavailableError("nobody answers at 127.0.0.1:1")
        if b"broken" in source:
            raise ImageRejectedError("the file ends too early", code="image_truncated")
        return replace(self.says, um_per_pixel=um_per_pixel)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2, of few rounds: half a second a login is for people, not for tests."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def settings() -> Settings:
    return Settings(hosts=("testserver",), max_upload=1_000_000)


@pytest.fixture
def page(store: Store, settings: Settings) -> Program:
    return Program(store, settings)


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def working(page: Program, double: Double) -> Iterator[Program]:
    """The page, and the backbones answer."""
    page.worker.use(double)
    with page.working():
        yield page


@pytest.fixture
def visit(page: Program) -> Callable[..., Visitor]:
    """A browser of somebody: ``visit("Anna", Role.ADMIN)``; of a stranger without a name."""

    def make(name: str = "", role: Role = Role.READER, **options: Any) -> Visitor:
        return Visitor.of(page, name, role, **options)

    return make


@pytest.fixture
def anna(visit: Callable[..., Visitor]) -> Visitor:
    return visit("Anna")


class Visitor(TestClient):
    """A browser without scripts: it keeps cookies and sends the token of the page it is on."""

    def __init__(self, page: Program, **options: Any) -> None:
        under = page.settings.root_path
        options.setdefault("base_url", f"http://testserver{under}")
        super().__init__(page.app, follow_redirects=False, root_path=under, **options)
        self.headers["accept"] = "text/html"
        self.csrf = ""

    @classmethod
    def of(cls, page: Program, name: str = "", role: Role = Role.READER, **options: Any) -> Visitor:
        """The browser of a new person who is logged in; of a stranger without a name."""
        visitor = cls(page, **options)
        if name:
            with page.store.write() as session:
                users.add(session, SYSTEM, name, users.hash_password(PASSWORD), role)
            assert visitor.log_in(name, PASSWORD).status_code == 303
        return visitor

    def log_in(self, name: str, password: str) -> Any:
        answer = self.post("/login", data={"name": name, "password": password})
        if answer.status_code == 303:
            found = re.search('data-csrf="([0-9a-f]+)"', self.get("/").text)
            assert found
            self.csrf = found[1]
        return answer

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """As the page's own scripts ask the HTTP interface."""
        headers = {"accept": "application/json", "x-csrf-token": self.csrf}
        headers |= options.pop("headers", {})
        return self.request(method, f"/api/v1{path}", headers=headers, **options)

    def form(self, path: str, **values: str) -> Any:
        return self.post(path, data={"csrf": self.csrf, **values})

    def case(self, name: str = "Marrow 12") -> int:
        answer = self.ask("POST", "/cases", json={"name": name})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def upload(self, case_id: int, data: bytes, name: str = "field.png") -> Any:
        return self.ask(
            "POST",
            f"/cases/{case_id}/fields",
            params={"name": name},
            content=data,
            headers={"content-type": "application/octet-stream"},
        )

    def sign(self, case_id: int, conclusion: str = "malignant", comment: str = "") -> Any:
        """Sign a case as it is now."""
        seen = self.ask("GET", f"/cases/{case_id}").json()["version"]
        said = {"seen": seen, "conclusion": conclusion, "comment": comment}
        return self.ask("POST", f"/cases/{case_id}/signatures", json=said)

    def read(self, case_id: int, data: bytes, name: str = "field.png") -> int:
        """A field that was uploaded and read; its id."""
        answer = self.upload(case_id, data, name)
        assert answer.status_code == 201, answer.text
        field_id = int(answer.json()["id"])
        until(
            lambda: self.ask("GET", f"/fields/{field_id}").json()["state"] != "waiting", "an answer"
        )
        return field_id
