"""The class for programs, against the page itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from allclient.contract import Subtype
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    RefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.web import client
from allclient.web.client import WebClient
from allclient.web.program import Program
from tests.unit.store.made import picture, with_cells
from tests.unit.web.conftest import Double, Visitor


@pytest.fixture
def token(page: Program, anna: Visitor) -> str:
    shown = anna.form("/account/tokens", name="program").text
    found = re.search(r'id="token"[^>]*>([\w-]{43})<|<code>([\w-]{43})</code>', shown)
    assert found
    return found[1] or found[2]


@pytest.fixture
def web(anna: Visitor, token: str) -> Iterator[WebClient]:
    with WebClient("http://testserver", token, transport=anna._transport) as made:
        yield made


@pytest.fixture
def paths(tmp_path: Path) -> list[str | Path]:
    made: list[str | Path] = []
    for number in range(3):
        path = tmp_path / f"field-{number}.png"
        path.write_bytes(picture(number))
        made.append(path)
    return made


def test_a_case_goes_from_files_to_a_signed_report(
    working: Program, double: Double, web: WebClient, paths: list[str | Path], tmp_path: Path
) -> None:
    double.says = with_cells(Subtype.PRE_B, Subtype.PRE_B)
    case = web.upload("Marrow 2026-114", paths)
    assert web.add(case, paths[0])["new"] is False
    fields = web.answers(case)
    assert [field["answer"]["subtype"] for field in fields] == ["pre_b"] * 3
    cell = web.correct(web.cells(fields[0])[0], Subtype.BENIGN)
    assert (cell["shown_as"], cell["corrected"]) == ("benign", True)
    web.verify(fields[0], "corrected", Subtype.PRO_B, "seen")
    for field in fields[1:]:
        web.verify(field, "confirmed")
    assert [field["id"] for field in web.search(subtype="pro_b")] == [fields[0]["id"]]
    signature = web.sign(web.case(case), "malignant", "all of them")
    assert b"all of them" in web.report(case, signature)
    web.export("csv", tmp_path / "all.csv", case_id=case["id"])
    assert len((tmp_path / "all.csv").read_text("utf-8").splitlines()) == 4
    assert [one["id"] for one in web.cases()] == [case["id"]]


def test_lists_are_read_to_their_end(
    web: WebClient, paths: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PAGE", 2)
    made = [web.upload(f"case {number}", paths)["id"] for number in range(3)]
    assert [case["id"] for case in web.cases()] == made[::-1]
    assert len(web.fields({"id": made[0]})) == 3
    assert len(list(web.search())) == 9


def test_every_refusal_is_an_error_with_the_reason_of_the_page(
    working: Program, web: WebClient, paths: list[str | Path], tmp_path: Path
) -> None:
    case = web.upload("Marrow", paths[:1])
    (field,) = web.answers(case)
    web.verify(field, "unusable")
    with pytest.raises(ConflictError, match="Anna changed this field"):
        web.verify(field, "confirmed")
    with pytest.raises(NotFoundError, match="no such case"):
        web.fields({"id": 99})
    letter = tmp_path / "letter.html"
    letter.write_text("<p>")
    with pytest.raises(RefusedError, match="no image of a kind"):
        web.add(case, letter)
    with pytest.raises(ConfigurationError, match=r"gone\.png cannot be read: No such file"):
        web.add(case, tmp_path / "gone.png")
    with pytest.raises(RefusedError, match="state"):
        web.export("csv", tmp_path / "x", state="odd")
    assert not (tmp_path / "x").exists()


def test_a_wait_ends(web: WebClient, paths: list[str | Path]) -> None:
    case = web.upload("Marrow", paths)
    with pytest.raises(ServerTimeoutError, match="3 fields still wait"):
        web.answers(case, timeout=0)


def test_a_wrong_token_and_a_page_that_is_away_are_told(anna: Visitor) -> None:
    with (
        WebClient("http://testserver", "x", transport=anna._transport) as web,
        pytest.raises(ConfigurationError, match="personal token"),
    ):
        list(web.cases())
    with (
        WebClient("http://127.0.0.1:1", "x") as web,
        pytest.raises(ServerUnavailableError, match=r"127\.0\.0\.1:1"),
    ):
        list(web.cases())
    with pytest.raises(ConfigurationError, match="not the address"):
        WebClient("smears.example", "x")


def test_an_answer_that_is_not_the_pages_is_an_error_too() -> None:
    import httpx2

    answers: Callable[[httpx2.Request], httpx2.Response] = lambda _: httpx2.Response(  # noqa: E731
        502, text="<h1>Bad Gateway</h1>"
    )
    with (
        WebClient("http://proxy", "x", transport=httpx2.MockTransport(answers)) as web,
        pytest.raises(ServerError, match="502: <h1>Bad Gateway") as caught,
    ):
        list(web.cases())
    assert isinstance(caught.value, AllclientError)


def test_nobody_waits_for_answers_to_a_signed_case(
    anna: Visitor, web: WebClient, paths: list[str | Path]
) -> None:
    case = web.upload("Marrow 12", paths)
    for field in web.fields(case):
        web.verify(field, "unusable")
    web.sign(web.case(case), "inconclusive")
    assert [field["state"] for field in web.answers(case)] == ["waiting"] * 3
