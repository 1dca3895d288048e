from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from allclient.web.program import Program
from tests.unit.store.made import picture
from tests.unit.web.conftest import Visitor


@pytest.fixture
def field_id(working: Program, anna: Visitor) -> int:
    field_id = anna.read(anna.case("Marrow 12"), picture(), "a.png")
    anna.read(anna.case("Blood 7"), picture(1), "b.png")
    said = {"seen": 1, "verdict": "corrected", "subtype": "pro_b"}
    assert anna.ask("POST", f"/fields/{field_id}/verifications", json=said).status_code == 201
    return field_id


def test_the_form_finds_fields_and_leaves_empty_boxes_out(field_id: int, anna: Visitor) -> None:
    form = {"text": "marrow", "label": "", "subtype": "pro_b", "since": "", "reader": ""}
    text = anna.get("/search", params=form).text
    assert "1 field<" in text
    assert f"?field={field_id}" in text
    assert "2 fields<" in anna.get("/search").text
    assert "Worklist</h1>" in anna.get("/search", params={"open": "true", "review": "true"}).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "x"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"page": "-1"},
        {"open": "x"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(anna: Visitor, wrong: dict[str, str]) -> None:
    assert anna.get("/search", params=wrong).status_code == 422


def test_what_was_found_is_exported_and_the_log_says_so(field_id: int, anna: Visitor) -> None:
    query = {"verdict": "corrected"}
    table = anna.get("/api/v1/export.csv", params=query)
    assert [row["name"] for row in csv.DictReader(io.StringIO(table.text))] == ["a.png"]
    lines = anna.get("/api/v1/export.jsonl", params=query).text.splitlines()
    assert [json.loads(line)["verified_subtype"] for line in lines] == ["pro_b"]
    packed = anna.get("/api/v1/export.zip", params=query)
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == [f"pro_b/field-{field_id}.png", "patients.csv"]
    assert packed.headers["content-disposition"] == 'attachment; filename="allclient.zip"'
    found = anna.ask("GET", "/fields", params=query).json()
    assert [field["id"] for field in found] == [field_id]
