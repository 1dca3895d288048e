from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image

from allclient.contract import Subtype
from allclient.web import views
from allclient.web.program import Program
from tests.unit.store.made import picture, with_cells
from tests.unit.web.conftest import Double, Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def case_id(working: Program, double: Double, anna: Visitor) -> int:
    """A case of two fields with three cells each."""
    double.says = with_cells(Subtype.PRE_B, Subtype.BENIGN, Subtype.PRE_B)
    case_id = anna.case()
    for number in range(2):
        anna.read(case_id, picture(number, 200))
    return case_id


def test_the_gallery_shows_a_class_and_begins_with_malignant_cells(
    case_id: int, anna: Visitor
) -> None:
    text = anna.get(f"/cases/{case_id}/cells").text
    assert len(re.findall("data-cell=", text)) == 4
    assert re.search(r'data-subtype="pre_b"[^>]*aria-current="page"', text, re.S)
    benign = anna.get(f"/cases/{case_id}/cells", params={"subtype": "benign"}).text
    assert len(re.findall("data-cell=", benign)) == 2
    nobody = anna.get(f"/cases/{case_id}/cells", params={"subtype": "pro_b"}).text
    assert "No cell of this class" in nobody


def test_a_corrected_cell_moves_to_its_class(case_id: int, visit: Visit, anna: Visitor) -> None:
    query = {"subtype": "pre_b"}
    cell = anna.ask("GET", f"/cases/{case_id}/cells", params=query).json()[0]
    said = {"seen": cell["version"], "subtype": "benign"}
    answer = anna.ask("POST", f"/cells/{cell['id']}/corrections", json=said)
    assert answer.status_code == 201
    assert (answer.json()["subtype"], answer.json()["shown_as"]) == ("pre_b", "benign")
    left = anna.ask("GET", f"/cases/{case_id}/cells", params=query).json()
    assert cell["id"] not in [one["id"] for one in left]
    refused = visit("Bert").ask("POST", f"/cells/{cell['id']}/corrections", json=said)
    assert refused.status_code == 409
    message = refused.json()["error"]["message"]
    assert "Anna corrected this cell" in message
    assert "benign" not in message


def test_a_blind_reader_sees_no_corrected_cell(case_id: int, visit: Visit, anna: Visitor) -> None:
    cell = anna.ask("GET", f"/cases/{case_id}/cells", params={"subtype": "pre_b"}).json()[0]
    said = {"seen": cell["version"], "subtype": "pro_b"}
    assert anna.ask("POST", f"/cells/{cell['id']}/corrections", json=said).status_code == 201
    seeing, blind = visit("Bert"), visit("Carla")
    assert blind.ask("PUT", f"/cases/{case_id}/blind").status_code == 204
    box = rf"\[{cell['id']}, [^]]*&#34;(\w+)&#34;\]"
    for path in (
        f"/cases/{case_id}?field={cell['field_id']}",
        f"/fields/{cell['field_id']}/panel",
    ):
        assert re.findall(box, seeing.get(path).text) == ["pro_b"]
        assert re.findall(box, blind.get(path).text) == ["pre_b"]
    assert f"/cases/{case_id}/cells" not in blind.get(f"/cases/{case_id}").text


def test_every_cell_has_a_picture_cut_from_its_field(case_id: int, anna: Visitor) -> None:
    for cell in anna.ask("GET", f"/cases/{case_id}/cells", params={"subtype": "pre_b"}).json():
        answer = anna.get(f"/api/v1/cells/{cell['id']}/picture")
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (views.CELL, views.CELL)
            red, green, blue = image.convert("RGB").getpixel((56, 56))  # type: ignore[misc]
        assert abs(blue - 150) < 8, (red, green, blue)


def test_boxes_go_with_the_panel_of_their_field(case_id: int, anna: Visitor) -> None:
    field = anna.ask("GET", f"/cases/{case_id}/fields").json()[0]
    boxes = anna.ask("GET", f"/fields/{field['id']}/cells").json()
    panel = anna.get(f"/fields/{field['id']}/panel").text
    assert "3 leukocytes, 2 malignant" in panel
    for box in boxes:
        assert f"[{box['id']}, {box['x']}, {box['y']}" in panel


def test_the_case_says_the_share_of_malignant_cells(case_id: int, anna: Visitor) -> None:
    text = anna.get(f"/cases/{case_id}").text
    assert "67%" in text
    assert "of 6 leukocytes" in text
    assert "no blast percentage" in text
    assert "A person decides" in text
    assert "fewer than" in text
