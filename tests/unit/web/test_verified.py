"""Signatures of cases that came as DICOM objects, on their way to the gateway."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from pydicom import uid

from allclient.contract import Label, Subtype
from allclient.dicom import study_uid
from allclient.errors import ConfigurationError
from allclient.store import Store
from allclient.web import verified
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.dicom.objects import as_file, jpeg_object, rgb_object, root
from tests.unit.store.made import picture
from tests.unit.web.conftest import Double, Visitor


class Gateway:
    """Takes signatures as ``sign_case`` does; ``problem`` is raised instead."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.signed: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, uid: str, **parts: Any) -> str:
        if self.problem is not None:
            raise self.problem
        self.signed.append((uid, parts))
        return "1.2.3"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def page(store: Store, settings: Settings, gateway: Gateway) -> Program:
    return Program(store, settings, gateway)


def signed(
    anna: Visitor, *files: bytes, conclusion: str = "malignant", says: str = "corrected"
) -> tuple[str, dict[str, Any]]:
    """The address of the signatures of a new case of these files, and its signature."""
    case_id = anna.case()
    for data in files:
        field_id = anna.read(case_id, data)
        said = {"seen": 2, "verdict": says, "subtype": "pro_b"}
        assert anna.ask("POST", f"/fields/{field_id}/verifications", json=said).status_code == 201
    path = f"/cases/{case_id}/signatures"
    answer = anna.sign(case_id, conclusion, "seen")
    assert answer.status_code == 201, answer.text
    return path, answer.json()


def test_the_signature_of_a_dicom_case_goes_to_the_gateway(
    working: Program, gateway: Gateway, anna: Visitor
) -> None:
    path, signature = signed(anna, as_file(jpeg_object(1)), as_file(jpeg_object(2, instance=2)))
    assert signature["delivery"] == {"state": "queued", "message": "", "report_uid": "1.2.3"}
    ((study, parts),) = gateway.signed
    assert study == root(1)
    assert parts.pop("at").isoformat() == signature["created_at"].replace("Z", "+00:00")
    assert parts == {
        "by": "Anna",
        "label": Label.MALIGNANT,
        "subtype": Subtype.PRO_B,
        "comment": "seen",
    }
    assert "handed to the gateway" in anna.get(path.removesuffix("/signatures")).text


def test_other_cases_stay_here(working: Program, gateway: Gateway, anna: Visitor) -> None:
    _, signature = signed(anna, picture())
    assert signature["delivery"] is None
    assert gateway.signed == []


def test_a_benign_or_open_conclusion_has_no_subtype(
    working: Program, gateway: Gateway, anna: Visitor
) -> None:
    for number, (conclusion, label) in enumerate(
        [("benign", Label.BENIGN), ("inconclusive", None)]
    ):
        signed(anna, as_file(jpeg_object(number)), conclusion=conclusion)
        assert (gateway.signed[-1][1]["label"], gateway.signed[-1][1]["subtype"]) == (label, None)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ConfigurationError("the gateway has no report of this case (yet)"), "no report of this"),
        (PermissionError("/srv/gateway"), "folder of the gateway cannot be used (PermissionError)"),
    ],
)
def test_a_report_that_cannot_be_made_is_told_and_made_on_request(
    working: Program, gateway: Gateway, anna: Visitor, problem: Exception, told: str
) -> None:
    gateway.problem = problem
    path, signature = signed(anna, as_file(jpeg_object(1)))
    assert signature["delivery"]["state"] == "failed"
    assert told in signature["delivery"]["message"]
    text = anna.get(path.removesuffix("/signatures")).text
    assert told in text
    assert "Try again" in text
    gateway.problem = None
    again = anna.ask("POST", f"{path}/{signature['id']}/delivery").json()
    assert again["delivery"]["state"] == "queued"
    refused = anna.ask("POST", f"{path}/{signature['id']}/delivery")
    assert (refused.status_code, len(gateway.signed)) == (422, 1)


def test_fields_of_two_studies_make_no_report(
    working: Program, gateway: Gateway, anna: Visitor
) -> None:
    path, signature = signed(
        anna, as_file(jpeg_object(1)), as_file(jpeg_object(2, instance=2, study=2))
    )
    assert "several DICOM studies" in signature["delivery"]["message"]
    refused = anna.ask("POST", f"{path}/{signature['id']}/delivery")
    assert (refused.status_code, gateway.signed) == (422, [])


def test_what_a_crash_left_is_handed_over_at_the_next_start(
    working: Program, gateway: Gateway, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ended:
        ended.setattr(verified, "hand_over", lambda *_: None)
        signed(anna, as_file(jpeg_object(1)))
    later = Program(working.store, working.settings, gateway)
    with later.working():
        assert [study for study, _ in gateway.signed] == [root(1)]
        assert anna.ask("GET", "/cases/1/signatures").json()[0]["delivery"]["state"] == "queued"


def test_the_study_of_an_object_is_read_without_unpacking_it() -> None:
    assert study_uid(as_file(jpeg_object(1, study=7))) == root(7)
    assert study_uid(as_file(rgb_object(syntax=uid.DeflatedExplicitVRLittleEndian))) == ""
    for broken in (b"", bytes(128) + b"DICM", as_file(jpeg_object(StudyInstanceUID="x<y>"))):
        assert study_uid(broken) == ""


def test_the_gateway_itself_signs_the_report_of_the_case(
    store: Store, settings: Settings, double: Double, tmp_path: Path
) -> None:
    pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")
    from allclient.pacs import config as configuration
    from allclient.pacs.inbox import Inbox
    from allclient.pacs.signing import sign_case
    from tests.unit.client.kserve import KServe
    from tests.unit.pacs.archive import Archive
    from tests.unit.pacs.steps import CELLS, Steps

    sent = jpeg_object(1)
    with contextlib.closing(Archive()) as archive, KServe(lambda _: CELLS) as triton:
        file = tmp_path / "pacs.toml"
        file.write_text(
            f"""
[node]
folder = "{tmp_path / "gateway"}"
min_free_mb = 1
[[peer]]
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {archive.port}
[export]
peer = "ARCHIVE"
""",
            "utf-8",
        )
        loaded = configuration.load(file)
        steps = Steps(loaded, Inbox(loaded.node.folder, min_free_mb=1), triton)
        steps.keep(sent)
        steps.run()
        sign = functools.partial(sign_case, file, organization="Lab")
        page = Program(store, settings, sign)
        page.worker.use(double)
        with page.working():
            _, signature = signed(Visitor.of(page, "Anna"), as_file(sent), conclusion="benign")
        steps.run()
        made_uid = signature["delivery"]["report_uid"]
        (report,) = [made for made in archive.of("SR") if made.SOPInstanceUID == made_uid]
        steps.client.close()
        steps.inbox.close()
    assert report.VerificationFlag == "VERIFIED"
    assert report.VerifyingObserverSequence[0].VerifyingObserverName == "Anna"
