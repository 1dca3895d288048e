from __future__ import annotations

import io
import random
import zipfile
from typing import Any

import pytest

from allclient.store import archives
from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import Visitor


def packed(files: dict[str, bytes], way: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", way) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def send(visitor: Visitor, case_id: int, data: bytes) -> Any:
    headers = {"content-type": "application/octet-stream"}
    return visitor.ask("POST", f"/cases/{case_id}/archives", content=data, headers=headers)


def test_each_file_of_an_archive_is_taken_or_refused_alone(working: Program, anna: Visitor) -> None:
    data = packed(
        {
            "slide/a.png": picture(1),
            "slide/deep/b.png": picture(2),
            "c.png": picture(1),
            "notes.txt": b"a letter",
            "page.html": b"<script>",
            "__MACOSX/slide/._a.png": b"x",
            ".DS_Store": b"x",
            "Thumbs.db": b"x",
        }
    )
    case_id = anna.case()
    taken = send(anna, case_id, data).json()
    assert [(one["name"], one["field"] and one["field"]["new"]) for one in taken] == [
        ("a.png", True),
        ("b.png", True),
        ("c.png", False),
        ("notes.txt", None),
        ("page.html", None),
    ]
    assert "no image" in taken[3]["error"]["message"]
    assert anna.ask("GET", f"/cases/{case_id}").json()["count"]["fields"] == 2


@pytest.mark.parametrize(
    "name", ["../../etc/x.png", "/etc/x.png", "C:\\x.png", "a/../../x.png", "x.png\x00.exe"]
)
def test_names_of_an_archive_lead_nowhere(page: Program, anna: Visitor, name: str) -> None:
    before = {path for path in page.store.folder.parent.rglob("*") if path.is_file()}
    taken = send(anna, anna.case(), packed({name: picture()})).json()
    assert taken[0]["field"]["name"] == "x.png"
    after = {path for path in page.store.folder.parent.rglob("*") if path.is_file()} - before
    kept = {path for path in after if "store.sqlite" not in path.name}
    assert {path.name for path in kept} == {taken[0]["field"]["sha256"]}


def test_a_bomb_is_not_opened(anna: Visitor) -> None:
    answer = send(anna, anna.case(), packed({"a.png": bytes(100_000_000)}))
    assert answer.status_code == 422
    assert "far more than it can" in answer.json()["error"]["message"]


def test_an_archive_of_too_many_files_is_refused(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 2)
    answer = send(anna, anna.case(), packed({f"{n}.png": picture(n) for n in range(3)}))
    assert answer.status_code == 422
    assert "3 files" in answer.json()["error"]["message"]


def test_a_file_that_says_it_is_smaller_than_it_is_is_refused(anna: Visitor) -> None:
    data = bytearray(packed({"a.png": picture(side=200)}, zipfile.ZIP_STORED))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    (taken,) = send(anna, anna.case(), bytes(data)).json()
    assert taken["field"] is None


def test_a_file_too_large_in_an_archive_is_refused_and_the_others_taken(anna: Visitor) -> None:
    large = picture() + random.Random(1).randbytes(1_200_000)
    taken = send(anna, anna.case(), packed({"a.png": large, "b.png": picture(1)})).json()
    assert "larger than 1 MB" in taken[0]["error"]["message"]
    assert taken[1]["field"]["new"] is True


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.95])
def test_a_damaged_archive_is_told(anna: Visitor, cut: float) -> None:
    data = packed({"a.png": picture(side=100)})
    answer = send(anna, anna.case(), data[: int(len(data) * cut)])
    assert answer.status_code == 422
    assert "damaged" in answer.json()["error"]["message"]


def test_content_damaged_in_an_archive_is_told_of_its_file(anna: Visitor) -> None:
    data = bytearray(packed({"a.png": picture(side=100), "b.png": picture(1)}))
    data[60:80] = bytes(20)
    taken = send(anna, anna.case(), bytes(data)).json()
    assert "damaged in its archive" in taken[0]["error"]["message"]
    assert taken[1]["field"]["new"] is True
