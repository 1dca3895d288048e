from __future__ import annotations

import dataclasses
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from allclient.contract import ReviewReason, Subtype
from allclient.errors import RefusedError
from allclient.store.words import Role
from allclient.web import views
from allclient.web.pages import layout
from allclient.web.program import Program
from tests.unit.store.made import accepted, picture, result
from tests.unit.web.conftest import Double, Visitor
from tests.waiting import until

Visit = Callable[..., Visitor]


def test_a_file_is_accepted_read_and_shown(working: Program, double: Double, anna: Visitor) -> None:
    double.says = result(Subtype.PRO_B, 0.61, (ReviewReason.LOW_CONFIDENCE,))
    case_id = anna.case("Marrow 12")
    field_id = anna.read(case_id, picture(), "slide/a.png")
    field = anna.ask("GET", f"/fields/{field_id}").json()
    assert (field["name"], field["state"]) == ("a.png", "answered")
    assert field["answer"]["subtype"] == "pro_b"
    text = anna.get(f"/cases/{case_id}").text
    assert "pro-B" in text
    assert "61.0%" in text
    assert "The backbones are not sure." in text


def test_a_broken_file_is_named_with_its_reason_and_read_again_on_request(
    working: Program, double: Double, anna: Visitor
) -> None:
    case_id = anna.case()
    field_id = anna.read(case_id, picture() + b"broken")
    field = anna.ask("GET", f"/fields/{field_id}").json()
    assert field["error"] == {"code": "image_truncated", "message": "the file ends too early"}
    asked = double.asked
    assert anna.ask("POST", f"/fields/{field_id}/retry").status_code == 200
    until(lambda: double.asked > asked, "the next question")


def test_the_same_file_again_is_told_from_a_new_one(working: Program, anna: Visitor) -> None:
    case_id = anna.case()
    first = anna.upload(case_id, picture())
    second = anna.upload(case_id, picture(), "other name.png")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["new"] is False


@pytest.mark.parametrize(
    "data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"PK\x03\x04", b"MZ"]
)
def test_what_is_no_image_is_refused_whatever_its_name(anna: Visitor, data: bytes) -> None:
    answer = anna.upload(anna.case(), data, "image.png")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "refused"


def test_fields_wait_while_no_server_answers_and_review_goes_on(
    page: Program, double: Double, anna: Visitor
) -> None:
    with page.working():
        case_id = anna.case()
        field_id = anna.upload(case_id, picture()).json()["id"]
        assert "not running" in anna.get(f"/cases/{case_id}").text
        said = {"seen": 1, "verdict": "corrected", "subtype": "benign"}
        answer = anna.ask("POST", f"/fields/{field_id}/verifications", json=said)
        assert answer.status_code == 201
        assert anna.get(f"/api/v1/fields/{field_id}/picture").status_code == 200
        page.worker.use(double)
        until(
            lambda: anna.ask("GET", f"/fields/{field_id}").json()["state"] == "answered",
            "the answer",
        )


def test_a_server_that_goes_away_loses_nothing(
    page: Program, double: Double, anna: Visitor
) -> None:
    page.worker._pause = 0.01
    double.away = True
    page.worker.use(double)
    with page.working():
        case_id = anna.case()
        field_id = anna.upload(case_id, picture()).json()["id"]
        until(lambda: not page.worker.ready, "the outage")
        assert "nobody answers" in page.worker.status
        assert anna.ask("GET", f"/fields/{field_id}").json()["state"] == "waiting"
        double.away = False
        until(
            lambda: anna.ask("GET", f"/fields/{field_id}").json()["state"] == "answered",
            "the answer",
        )
        assert page.worker.ready


def test_what_waited_when_the_program_ended_is_read_by_the_next(
    page: Program, double: Double, anna: Visitor
) -> None:
    count = 70  # more than are looked up at once
    case_id = anna.case()
    ids = [accepted(page.store, case_id, picture(number)).id for number in range(count)]
    later = Program(page.store, page.settings)
    later.worker.use(double)
    with later.working():
        for field_id in ids:
            until(
                lambda i=field_id: anna.ask("GET", f"/fields/{i}").json()["state"] == "answered",
                "the answer",
            )
    assert double.asked == count


def test_two_people_who_correct_one_field_overwrite_nothing(
    working: Program, visit: Visit, anna: Visitor
) -> None:
    bert = visit("Bert")
    field_id = anna.read(anna.case(), picture())
    path = f"/fields/{field_id}/verifications"
    seen = anna.ask("GET", f"/fields/{field_id}").json()["version"]
    first = {"seen": seen, "verdict": "corrected", "subtype": "benign", "comment": "small cells"}
    assert anna.ask("POST", path, json=first).status_code == 201
    refused = bert.ask("POST", path, json={"seen": seen, "verdict": "confirmed"})
    assert refused.status_code == 409
    message = refused.json()["error"]["message"]
    assert "Anna changed this field" in message
    assert "benign" not in message
    assert "corrected" not in message
    second = {"seen": seen + 1, "verdict": "confirmed"}
    history = bert.ask("POST", path, json=second).json()["verifications"]
    assert [said["user_name"] for said in history] == ["Anna", "Bert"]
    assert "small cells" in bert.get(f"/fields/{field_id}/panel").text


def looked_at_first(visitor: Visitor, case_id: int) -> list[str]:
    text = visitor.get(f"/cases/{case_id}").text
    found = re.search(r'<ol aria-labelledby="first">(.*?)</ol>', text, re.S)
    return (
        [" ".join(re.sub("<[^>]+>", "", li).split()) for li in found[1].split("</li>")[:-1]]
        if found
        else []
    )


def test_the_summary_names_what_to_look_at_first_until_it_has_a_verdict(
    working: Program, double: Double, visit: Visit, anna: Visitor
) -> None:
    case_id = anna.case()
    double.says = result(Subtype.BENIGN, 0.97)
    for number in range(5):
        anna.read(case_id, picture(number), f"benign {number}.png")
    double.says = result(Subtype.PRE_B, 0.94)
    anna.read(case_id, picture(6), "malignant.png")
    reasons = (ReviewReason.LOW_CONFIDENCE, ReviewReason.POOR_QUALITY)
    double.says = result(Subtype.PRO_B, 0.61, reasons)
    unsure = anna.read(case_id, picture(7), "unsure.png")
    anna.read(case_id, picture(8) + b"broken", "broken.png")
    assert looked_at_first(anna, case_id) == [
        "broken.png not read",
        "unsure.png malignant 87.0%, low confidence, poor quality",
        "malignant.png malignant 98.0%",
        "benign 0.png benign 97.0%",
        "benign 1.png benign 97.0%",
    ]
    said = {"seen": 2, "verdict": "confirmed"}
    assert anna.ask("POST", f"/fields/{unsure}/verifications", json=said).status_code == 201
    assert "unsure.png" not in " ".join(looked_at_first(anna, case_id))
    # Whoever reads blind has said nothing of it, and is not told that Anna has.
    bert = visit("Bert")
    assert bert.ask("PUT", f"/cases/{case_id}/blind").status_code == 204
    assert "unsure.png" in " ".join(looked_at_first(bert, case_id))
    for field in anna.ask("GET", f"/cases/{case_id}/fields").json():
        said = {"seen": field["version"], "verdict": "unusable"}
        anna.ask("POST", f"/fields/{field['id']}/verifications", json=said)
    assert looked_at_first(anna, case_id) == []


def test_a_case_is_deleted_by_an_admin_with_its_pictures(
    working: Program, visit: Visit, anna: Visitor
) -> None:
    case_id = anna.case()
    field_id = anna.read(case_id, picture())
    assert anna.get(f"/api/v1/fields/{field_id}/picture").status_code == 200
    admin = visit("Berta", Role.ADMIN)
    assert admin.ask("DELETE", f"/cases/{case_id}").status_code == 204
    assert anna.get(f"/cases/{case_id}").status_code == 404
    assert anna.ask("GET", f"/fields/{field_id}").status_code == 404
    left = [path for path in working.store.folder.rglob("*") if path.is_file()]
    assert all(path.name.startswith("store.sqlite") for path in left)


def test_an_original_is_a_download_and_never_a_page(working: Program, anna: Visitor) -> None:
    field_id = anna.read(anna.case(), picture(), 'x"; filename="evil.html')
    answer = anna.get(f"/api/v1/fields/{field_id}/file")
    assert answer.content == picture()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'attachment; filename="field-{field_id}.png"'


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WebP"])
def test_every_kind_is_shown_as_a_jpeg(anna: Visitor, form: str) -> None:
    case_id = anna.case()
    field_id = anna.upload(case_id, picture(7, 400, form)).json()["id"]
    for small, side in ((False, 400), (True, views.THUMBNAIL)):
        answer = anna.get(f"/api/v1/fields/{field_id}/picture", params={"thumbnail": small})
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ("JPEG", (side, side))


def test_a_picture_on_the_screen_is_upright_and_names_nobody() -> None:
    image = Image.new("RGB", (40, 20))
    exif = image.getexif()
    exif[0x0112], exif[0x010E] = 6, "Erika Mustermann"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    shown = views.rendered(buffer.getvalue(), 1000)
    with Image.open(io.BytesIO(shown)) as upright:
        assert upright.size == (20, 40)
    assert b"Mustermann" not in shown


def test_a_small_file_that_claims_huge_pixels_is_not_opened() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        code = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", code)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    with pytest.raises(RefusedError, match=r"60000 x 60000|cannot be shown"):
        views.rendered(bomb, 1000)


def test_a_damaged_picture_is_told(anna: Visitor) -> None:
    field_id = anna.upload(anna.case(), b"\xff\xd8\xff" + bytes(50)).json()["id"]
    answer = anna.ask("GET", f"/fields/{field_id}/picture")
    assert answer.status_code == 422
    assert "damaged" in answer.json()["error"]["message"]


def test_cases_are_made_renamed_listed_and_paged(anna: Visitor) -> None:
    ids = [anna.case(f"case {number}") for number in range(3)]
    anna.ask("PATCH", f"/cases/{ids[0]}", json={"name": "the first"})
    newest = anna.ask("GET", "/cases", params={"limit": 2}).json()
    assert [case["id"] for case in newest] == [ids[2], ids[1]]
    rest = anna.ask("GET", "/cases", params={"before": ids[1]}).json()
    assert [case["name"] for case in rest] == ["the first"]
    assert anna.form("/cases", name="by form").status_code == 303


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "x", "1.5"])
def test_a_number_that_is_no_id_is_refused(anna: Visitor, number: str) -> None:
    assert anna.ask("GET", f"/fields/{number}").status_code == 422
    assert anna.get(f"/cases/{number}").status_code in (404, 422)


@pytest.mark.parametrize("installed", [True, False])
def test_a_viewer_that_is_missing_is_a_clear_message(
    page: Program, anna: Visitor, tmp_path: Path, installed: bool
) -> None:
    if installed:
        viewer = tmp_path / layout.VIEWER
        viewer.parent.mkdir(parents=True)
        viewer.touch()
    page.app.state.settings = dataclasses.replace(page.settings, vendor=tmp_path)
    case_id = anna.case()
    anna.upload(case_id, picture())
    shown = anna.get(f"/cases/{case_id}").text
    assert ("npm ci" in shown) is not installed
    assert ("openseadragon.min.js" in shown) is installed
