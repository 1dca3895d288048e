from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest
from PIL import Image
from sqlalchemy import select

from allclient.contract import Subtype
from allclient.store.schema import Entry
from allclient.web.program import Program
from tests.unit.store.made import picture, with_cells
from tests.unit.web.conftest import Double, Visitor


@pytest.fixture
def field_id(working: Program, anna: Visitor) -> int:
    field_id = anna.read(anna.case("Marrow 12"), picture(), "a.png")
    anna.read(anna.case("Blood 7"), picture(1), "b.png")
    said = {"seen": 2, "verdict": "corrected", "subtype": "pro_b"}
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


def members(visitor: Visitor, **query: str) -> dict[str, bytes]:
    answer = visitor.get("/api/v1/export.geojson.zip", params=query)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_cells_are_exported_in_pixels_with_the_classes_that_people_gave_them(
    working: Program, double: Double, anna: Visitor
) -> None:
    double.says = with_cells(Subtype.PRE_B, Subtype.BENIGN)
    case_id = anna.case("Marrow 12")
    field_id = anna.read(case_id, picture(1, side=200))
    anna.read(anna.case("other"), picture(2))
    anna.read(case_id, picture(3) + b"broken")
    cell = anna.ask("GET", f"/fields/{field_id}/cells").json()[0]
    said = {"seen": cell["version"], "subtype": "pro_b"}
    assert anna.ask("POST", f"/cells/{cell['id']}/corrections", json=said).status_code == 201
    found = members(anna, text="marrow")
    assert list(found) == [f"field-{field_id}.geojson"]
    first, second = json.loads(found[f"field-{field_id}.geojson"])["features"]
    assert first["properties"]["classification"]["name"] == "pro_b"
    assert first["properties"]["measurements"]["probability pre_b"] == 0.96
    assert second["properties"]["classification"]["name"] == "benign"
    assert first["geometry"]["coordinates"][0][:3] == [[20, 50], [45, 50], [45, 75]]
    with working.store.read() as session:
        entry = session.scalars(select(Entry).order_by(Entry.number.desc())).first()
    assert entry is not None
    assert (entry.action, entry.subject) == ("fields.exported", "geojson.zip")
    assert entry.details == {"fields": 1}


def test_what_looks_alike_is_found_over_all_cases(
    working: Program, double: Double, anna: Visitor
) -> None:
    fields = []
    for number, looks in enumerate([(1, 1), (5, 5), (1, 2)]):
        double.says = with_cells(Subtype.PRE_B, Subtype.BENIGN, looks=looks)
        fields.append(anna.read(anna.case(f"Case {number}"), picture(number), f"{number}.png"))
    found = anna.get(f"/api/v1/fields/{fields[0]}/similar").json()
    assert [one["field"]["id"] for one in found] == [fields[2], fields[1]]
    assert [one["distance"] for one in found] == pytest.approx([4, 32])
    found = anna.get("/api/v1/cells/5/similar", params={"limit": 3}).json()
    assert [one["cell"]["id"] for one in found] == [1, 2, 6]
    page = anna.get(f"/fields/{fields[0]}/similar").text
    assert page.index(f"field={fields[2]}") < page.index(f"field={fields[1]}")
    assert "Compared is what the networks see of the nuclei" in " ".join(page.split())

    double.says = replace(double.says, features=None)  # as a server of version 0.2
    older = anna.read(anna.case("Case 3"), picture(3), "3.png")
    refused = anna.get(f"/fields/{older}/similar")
    assert refused.status_code == 422
    assert "does not say how cells look" in refused.text


def test_cells_of_a_turned_picture_lie_where_the_file_has_them(
    working: Program, double: Double, anna: Visitor
) -> None:
    double.says = with_cells(Subtype.PRE_B)
    image = Image.new("RGB", (100, 200))
    image.getexif()[0x0112] = 3  # upside down
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=image.getexif())
    field_id = anna.read(anna.case(), buffer.getvalue())
    (feature,) = json.loads(members(anna)[f"field-{field_id}.geojson"])["features"]
    assert [90, 150] in feature["geometry"]["coordinates"][0]


def test_a_field_without_a_size_is_named(working: Program, double: Double, anna: Visitor) -> None:
    double.says = with_cells(Subtype.PRE_B)
    field_id = anna.read(anna.case(), b"\xff\xd8\xff" + bytes(50))
    found = members(anna)
    assert list(found) == ["left-out.txt"]
    assert found["left-out.txt"].startswith(f"field-{field_id}: ".encode())


def test_a_page_after_the_last_one_shows_the_last(working: object, anna: Visitor) -> None:
    case_id = anna.case()
    field_id = anna.read(case_id, picture(77))
    for path in (f"/cases/{case_id}?page=9", "/search?page=9"):
        assert f"/fields/{field_id}/picture" in anna.get(path).text
    assert anna.get(f"/cases/{case_id}/cells?page=9").status_code == 200
