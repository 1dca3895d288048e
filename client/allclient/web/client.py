"""Asks the web page from a program, over its HTTP interface and with a personal token.

>>> from allclient.web.client import WebClient
>>> with WebClient("http://127.0.0.1:8080", token) as web:
...     case = web.upload("Marrow 2026-114", ["a.jpg", "b.jpg"])
...     print([field["answer"]["subtype"] for field in web.answers(case)])

What it returns is JSON as ``/api/v1/openapi.json`` describes it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2

from allclient.contract import Subtype
from allclient.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    RefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.store.words import Conclusion, Verdict

Json = dict[str, Any]

_PAGE: Final = 500
_PAUSE: Final = 0.5
"""Seconds between two looks at fields that wait for the backbones."""

_ERRORS: Final[dict[int, type[Exception]]] = {
    401: ConfigurationError,
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    413: RefusedError,
    422: RefusedError,
    503: ServerUnavailableError,
}


class WebClient:
    """A person's program at a web page; ``token`` is made on the page "Account".

    Its methods raise AllclientError: NotFoundError, ConflictError where somebody else was faster,
    RefusedError with the page's reason, ConfigurationError for a token that is not good, and
    ServerUnavailableError where the page or its database does not answer.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigurationError(f"{url!r} is not the address of a page, as https://HOST/PATH")
        self._http = httpx2.Client(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def cases(self) -> Iterator[Json]:
        """Yield all cases, the newest first."""
        before: dict[str, int] = {}
        while found := self._json("GET", "/cases", params={"limit": _PAGE, **before}):
            yield from found
            before = {"before": found[-1]["id"]}

    def case(self, case: Json) -> Json:
        """Return a case as it is now."""
        found: Json = self._json("GET", f"/cases/{case['id']}")
        return found

    def upload(self, name: str, paths: list[str | Path]) -> Json:
        """Make a case of image files or DICOM objects, and return it; every file is safe then."""
        case: Json = self._json("POST", "/cases", json={"name": name})
        for path in paths:
            self.add(case, path)
        return case

    def add(self, case: Json, path: str | Path) -> Json:
        """Add a file to a case, and return its field, which waits for the backbones.

        A file that the case has already gives the field of before, with ``new`` false.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        field: Json = self._json(
            "POST",
            f"/cases/{case['id']}/fields",
            params={"name": path.name},
            content=content,
            headers={"content-type": "application/octet-stream"},
        )
        return field

    def fields(self, case: Json) -> list[Json]:
        """Return the fields of a case, the ones to look at first before the others."""
        found: list[Json] = []
        while batch := self._json(
            "GET", f"/cases/{case['id']}/fields", params={"limit": _PAGE, "offset": len(found)}
        ):
            found += batch
        return found

    def answers(self, case: Json, timeout: float = 600.0) -> list[Json]:
        """Wait until no field of a case waits for the backbones, and return its fields.

        It does not wait for a case that somebody signed meanwhile, which takes no more answers.

        Raises ServerTimeoutError after ``timeout`` seconds; what was read stays on the page.
        """
        end = time.monotonic() + timeout
        while waiting := self._waiting(case):
            if time.monotonic() > end:
                raise ServerTimeoutError(
                    f"{waiting} fields still wait for the backbones after {timeout:g} seconds"
                )
            time.sleep(_PAUSE)
        return self.fields(case)

    def _waiting(self, case: Json) -> int:
        now = self.case(case)
        return 0 if now["signed"] else int(now["count"]["waiting"])

    def cells(self, field: Json) -> list[Json]:
        """Return the leukocytes of a field."""
        found: list[Json] = self._json("GET", f"/fields/{field['id']}/cells")
        return found

    def search(self, **wanted: Any) -> Iterator[Json]:
        """Yield the fields that fit, over all cases; the filters are those of ``GET /fields``."""
        offset = 0
        while found := self._json(
            "GET", "/fields", params={**wanted, "limit": _PAGE, "offset": offset}
        ):
            yield from found
            offset += len(found)

    def verify(
        self, field: Json, verdict: Verdict | str, subtype: Subtype | None = None, comment: str = ""
    ) -> Json:
        """Say what a field shows, and return it; ``field`` is as the caller saw it."""
        said = {
            "seen": field["version"],
            "verdict": Verdict(verdict).value,
            "subtype": subtype,
            "comment": comment,
        }
        changed: Json = self._json("POST", f"/fields/{field['id']}/verifications", json=said)
        return changed

    def correct(self, cell: Json, subtype: Subtype) -> Json:
        """Say what a cell is, and return it; ``cell`` is as the caller saw it."""
        said = {"seen": cell["version"], "subtype": Subtype(subtype).value}
        changed: Json = self._json("POST", f"/cells/{cell['id']}/corrections", json=said)
        return changed

    def sign(self, case: Json, conclusion: Conclusion | str, comment: str = "") -> Json:
        """Sign a case of which every field has a verdict, and return the signature.

        ``case`` is as ``case()`` gave it when the caller looked at its fields last.
        """
        said = {
            "seen": case["version"],
            "conclusion": Conclusion(conclusion).value,
            "comment": comment,
        }
        signature: Json = self._json("POST", f"/cases/{case['id']}/signatures", json=said)
        return signature

    def report(self, case: Json, signature: Json, *, pdf: bool = False) -> bytes:
        """Return the report of a signature as HTML, or as a PDF."""
        path = f"/cases/{case['id']}/signatures/{signature['id']}/report"
        return self._ask("GET", path, params={"pdf": pdf}).content

    def export(self, kind: str, path: str | Path, **wanted: Any) -> None:
        """Write what a search finds to a file; ``kind`` is csv, jsonl, zip or geojson.zip."""
        with self._http.stream("GET", f"/export.{kind}", params=wanted) as answer:
            if answer.is_error:
                answer.read()
                raise _error(answer)
            with Path(path).open("wb") as file:
                file.writelines(answer.iter_bytes())

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._ask(method, path, **options).json()

    def _ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise ServerUnavailableError(
                f"the page at {self._http.base_url} does not answer: {error}"
            ) from error
        if answer.is_error:
            raise _error(answer)
        return answer


def _error(answer: httpx2.Response) -> Exception:
    try:
        message = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"the page answered {answer.status_code}: {answer.text[:200]}"
    return _ERRORS.get(answer.status_code, ServerError)(message)
