"""DICOM objects on the page."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from PIL import Image
from pydicom.encaps import encapsulate

from allclient.store import fields
from allclient.web.program import Program
from tests.unit.dicom.objects import as_file, bare, drawn, jpeg_object, rgb_object
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_archives import packed, send


def test_the_picture_of_an_object_is_kept_without_the_patient(
    working: Program, anna: Visitor
) -> None:
    case_id = anna.case()
    data = as_file(rgb_object(PatientName="Mustermann^Erika"))
    assert b"Mustermann" in data
    field_id = anna.read(case_id, data, "IM0001")
    kept = anna.get(f"/api/v1/fields/{field_id}/file")
    assert kept.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(kept.content)) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), drawn())
    everything = [path.read_bytes() for path in working.store.folder.rglob("*") if path.is_file()]
    assert not any(b"Mustermann" in one for one in everything)
    again = anna.upload(case_id, data)
    assert (again.status_code, again.json()["id"]) == (200, field_id)


def test_the_size_of_a_pixel_goes_to_the_server(working: Program, anna: Visitor) -> None:
    case_id = anna.case()
    sizes = []
    for data in (rgb_object(PixelSpacing=[0.00025, 0.00025]), rgb_object(1)):
        field_id = anna.read(case_id, as_file(data), "IM")
        with working.store.read() as session:
            answer = fields.get(session, field_id).answer
            sizes.append(answer.um_per_pixel if answer else None)
    assert sizes == [0.25, None]


@pytest.mark.parametrize(
    ("header", "site"),
    [
        ({"InstitutionName": "Klinik  Nord\x07", "StationName": "SCOPE1"}, "Klinik Nord"),
        ({"InstitutionName": "", "StationName": "SCOPE1"}, "SCOPE1"),
        ({"InstitutionName": "Praxis Mustermann", "StationName": "SCOPE1"}, "SCOPE1"),
        ({"InstitutionName": "MRN 4711", "PatientID": "4711"}, None),
        ({"InstitutionName": "Labor " * 100}, ("Labor " * 100)[:64]),
        ({}, None),
    ],
)
def test_the_site_of_an_object_is_kept_and_never_the_patient(
    working: Program, anna: Visitor, header: dict[str, str], site: str | None
) -> None:
    made = rgb_object(**{"PatientName": "Mustermann^Erika", **header})
    field_id = anna.read(anna.case(), as_file(made), "IM")
    with working.store.read() as session:
        assert fields.get(session, field_id).site == site


def test_an_object_without_institution_and_station_is_of_who_sent_it(
    working: Program, anna: Visitor
) -> None:
    made = rgb_object()
    made.file_meta.SourceApplicationEntityTitle = "MICROSCOPE"
    field_id = anna.read(anna.case(), as_file(made), "IM")
    with working.store.read() as session:
        assert fields.get(session, field_id).site == "MICROSCOPE"


def test_an_object_in_an_archive_is_taken_as_well(anna: Visitor) -> None:
    taken = send(anna, anna.case(), packed({"a.dcm": as_file(jpeg_object())})).json()
    assert (taken[0]["field"]["name"], taken[0]["error"]) == ("a.dcm", None)


def test_an_object_of_several_pictures_is_refused(anna: Visitor) -> None:
    made = jpeg_object(NumberOfFrames=2)
    made.PixelData = encapsulate([bare(0), bare(1)])
    answer = anna.upload(anna.case(), as_file(made))
    assert answer.status_code == 422
    assert "holds 2 pictures" in answer.json()["error"]["message"]


@pytest.mark.parametrize("data", [bytes(128) + b"DICM", as_file(rgb_object())[:5000]])
def test_a_damaged_object_is_refused(anna: Visitor, data: bytes) -> None:
    answer = anna.upload(anna.case(), data)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "refused"


def test_without_the_extra_the_way_out_is_named(
    page: Program, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "allclient.dicom.fields", None)
    answer = anna.upload(anna.case(), as_file(rgb_object()))
    assert answer.status_code == 422
    assert "pip install 'allclient[pacs]'" in answer.json()["error"]["message"]
    assert not [path for path in (page.store.folder / "files").rglob("*") if path.is_file()]
