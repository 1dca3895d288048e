from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from allclient.contract import Subtype
from allclient.store import fields
from allclient.web import report
from allclient.web.program import Program
from tests.unit.store.made import picture, result, with_cells
from tests.unit.web.conftest import Double, Visitor

EVIL = "<script>alert(1)</script><img src=http://127.0.0.1:1/x>"


@pytest.fixture
def case_id(working: Program, double: Double, anna: Visitor) -> int:
    """A case that is signed, with names that are no markup."""
    double.says = with_cells(Subtype.PRE_B, Subtype.BENIGN)
    case_id = anna.case(EVIL)
    field_id = anna.read(case_id, picture(), EVIL)
    said = {"seen": 2, "verdict": "confirmed", "comment": EVIL}
    assert anna.ask("POST", f"/fields/{field_id}/verifications", json=said).status_code == 201
    assert anna.sign(case_id, comment=EVIL).status_code == 201
    return case_id


def test_a_report_holds_everything_and_fetches_nothing(case_id: int, anna: Visitor) -> None:
    answer = anna.get(f"/api/v1/cases/{case_id}/signatures/1/report")
    text = answer.text
    assert answer.headers["content-security-policy"] == report.POLICY
    assert "unsafe" not in report.POLICY
    assert "not a medical device" in text
    assert "Malignant" in text
    assert "Signed by Anna" in text
    assert "no blast percentage" in text
    assert re.findall('src="(.{22})', text) == ["data:image/jpeg;base64"]
    assert "<script" not in text
    assert "<img src=http" not in text


def test_a_case_that_changed_since_it_was_seen_is_not_signed(
    working: Program, visit: Callable[..., Visitor], anna: Visitor
) -> None:
    bert = visit("Bert")
    case_id = anna.case()
    field_id = anna.read(case_id, picture())
    confirmed = {"seen": 2, "verdict": "confirmed"}
    anna.ask("POST", f"/fields/{field_id}/verifications", json=confirmed)
    found = re.search('id="case" .*data-version="([0-9]+)"', anna.get(f"/cases/{case_id}").text)
    assert found
    seen = int(found[1])
    said = {"seen": seen, "shown": {field_id: 3}, "conclusion": "malignant"}
    corrected = {"seen": 3, "verdict": "corrected", "subtype": "benign"}
    answer = bert.ask("POST", f"/fields/{field_id}/verifications", json=corrected)
    assert answer.status_code == 201
    refused = anna.ask("POST", f"/cases/{case_id}/signatures", json=said)
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert "Bert verified field.png. Nothing was signed" in error["message"]
    assert error["changes"] == [
        {
            "field_id": field_id,
            "field_name": "field.png",
            "cell_id": None,
            "by": "Bert",
            "action": "field.verified",
        }
    ]
    assert anna.ask("GET", f"/cases/{case_id}/signatures").json() == []
    assert anna.sign(case_id).status_code == 201


def test_a_report_is_a_pdf_as_well(case_id: int, anna: Visitor) -> None:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"no PDF here: apt-get install libpango-1.0-0 libpangoft2-1.0-0 ({error})")
    answer = anna.get(f"/api/v1/cases/{case_id}/signatures/1/report", params={"pdf": "true"})
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-type"] == "application/pdf"


def test_torn_pictures_stay_torn_after_a_pdf() -> None:
    """WeasyPrint sets Pillow to fill them in, for the whole process, when it is first imported."""
    from PIL import ImageFile

    pytest.importorskip("weasyprint", exc_type=(ImportError, OSError))
    report.pdf("<p>one</p>")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_pdf_fetches_nothing_whatever_stands_in_the_report(tmp_path: Path) -> None:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"no PDF here: apt-get install libpango-1.0-0 libpangoft2-1.0-0 ({error})")
    secret = tmp_path / "secret.txt"
    secret.write_text("body::before { content: 'stolen' }")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        port = listening.getsockname()[1]
        report.pdf(
            f"<link rel=stylesheet href='{secret.as_uri()}'><img src='http://127.0.0.1:{port}/x'>"
            f"<link rel=attachment href='{secret.as_uri()}'><p>text"
        )
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_signed_case_says_so_and_refuses_changes(
    case_id: int, anna: Visitor, visit: Callable[..., Visitor]
) -> None:
    assert "Signed: <strong>malignant</strong> by Anna" in anna.get(f"/cases/{case_id}").text
    blind = visit("Bert")
    assert blind.ask("PUT", f"/cases/{case_id}/blind").status_code == 422
    assert 'id="verify"' not in anna.get(f"/cases/{case_id}").text
    assert anna.upload(case_id, picture(5)).status_code == 422
    assert anna.ask("POST", f"/cases/{case_id}/open").status_code == 200
    assert "Signed before" in anna.get(f"/cases/{case_id}").text
    assert blind.ask("PUT", f"/cases/{case_id}/blind").status_code == 204
    assert "Signed before" not in blind.get(f"/cases/{case_id}").text
    assert anna.upload(case_id, picture(5)).status_code == 201


def test_an_answer_after_the_signature_is_shown_beside_it_until_the_case_is_opened(
    page: Program, anna: Visitor
) -> None:
    case_id = anna.case()
    field_id = anna.upload(case_id, picture()).json()["id"]
    said = {"seen": 1, "verdict": "corrected", "subtype": "benign"}
    anna.ask("POST", f"/fields/{field_id}/verifications", json=said)
    assert "1 of the fields was not read" in anna.get(f"/cases/{case_id}").text
    assert anna.sign(case_id).status_code == 201
    fields.record_answer(page.store, field_id, result(Subtype.PRO_B))
    shown = anna.get(f"/cases/{case_id}").text
    assert "answered this field after the signature" in shown
    assert "The backbones answered after the signature: pro-B 98.0%" in shown
    assert "1 answered later" in anna.get("/").text
    worklist = "/search?open=true&review=true"
    assert f'<a href="/cases/{case_id}">' in anna.get(worklist).text
    late = anna.ask("GET", f"/fields/{field_id}").json()["late"]
    assert (late["label"], late["subtype"]) == ("malignant", "pro_b")
    count = anna.ask("GET", f"/cases/{case_id}").json()["count"]
    assert (count["late"], count["answered"]) == (1, 0)
    opened = anna.ask("POST", f"/cases/{case_id}/open").json()["count"]
    assert (opened["late"], opened["answered"], opened["verified"]) == (0, 1, 0)
    assert "after the signature" not in anna.get(f"/cases/{case_id}").text
    assert "after their signature" not in anna.get(worklist).text


def test_a_report_of_another_case_is_not_found(case_id: int, anna: Visitor) -> None:
    other = anna.case("other")
    assert anna.get(f"/api/v1/cases/{other}/signatures/1/report").status_code == 404
