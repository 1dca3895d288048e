"""A person signs a report: by the command's ``sign`` and by the web page's ``sign_case``."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread

from allclient import Label, Subtype
from allclient.errors import ConfigurationError
from allclient.pacs.signing import Signature, sign, sign_case
from allclient.pacs.uids import key_of
from tests.unit.client.kserve import MALIGNANT_ANSWER, TWO_CELLS, KServe
from tests.unit.dicom.objects import PATIENT, jpeg_object
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.steps import Steps

NOW = datetime.datetime(2026, 11, 26, 12, 30, 1, tzinfo=datetime.UTC)


@pytest.fixture
def file(steps: Steps, tmp_path: Path) -> Path:
    """The configuration of the steps as a file."""
    path = tmp_path / "pacs.toml"
    path.write_text(
        f"""
[node]
folder = "{steps.config.node.folder}"
[[peer]]
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {steps.config.peers[1].port}
[export]
peer = "ARCHIVE"
""",
        "utf-8",
    )
    return path


def call(file: Path, uid: str, **parts: Any) -> str:
    return sign_case(file, uid, **{"by": "Doe^Jane", "organization": "Lab", "at": NOW, **parts})


def said(signed: Any) -> dict[str, str]:
    """What the person said, by the names of the codes."""
    return {
        item.ConceptNameCodeSequence[0].CodeValue: item.ConceptCodeSequence[0].CodeValue
        for item in signed.ContentSequence[-1].ContentSequence
        if "ConceptCodeSequence" in item
    }


@pytest.mark.parametrize("label", [None, Label.BENIGN])
def test_a_signed_report_is_verified_and_names_the_unsigned_one(
    steps: Steps, archive: Archive, label: Label | None
) -> None:
    steps.keep(jpeg_object(1))
    steps.run()
    (unsigned,) = archive.of("SR")
    signature = Signature("corrected" if label else "accepted", "Doe^Jane", "Lab", label, "seen")
    key = key_of(unsigned.SOPInstanceUID)
    uid = sign(steps.config, steps.inbox, key[:8], signature)
    with pytest.raises(ConfigurationError, match="later report follows"):
        sign(steps.config, steps.inbox, key, signature)
    with pytest.raises(ConfigurationError, match="no report has a key"):
        sign(steps.config, steps.inbox, "zz", signature)
    steps.run()
    (signed,) = [made for made in archive.of("SR") if made.SOPInstanceUID == uid]
    assert (signed.VerificationFlag, signed.PreliminaryFlag) == ("VERIFIED", "FINAL")
    observer = signed.VerifyingObserverSequence[0]
    assert (observer.VerifyingObserverName, observer.VerifyingOrganization) == ("Doe^Jane", "Lab")
    named = signed.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == unsigned.SOPInstanceUID
    said = {
        (item.ConceptNameCodeSequence[0].CodeValue, item.ConceptCodeSequence[0].CodeMeaning)
        for item in signed.ContentSequence[-1].ContentSequence
        if "ConceptCodeSequence" in item
    }
    if label is None:
        assert said == {("ASSESSMENT", "Accepted")}
    else:
        assert said == {("ASSESSMENT", "Corrected"), ("CORRECTED_LABEL", "Benign")}
    assert signed.ContentSequence[:-1] == unsigned.ContentSequence
    # Images that come later make a report that follows the signed one.
    steps.keep(jpeg_object(2, instance=2))
    steps.run()
    (late,) = [made for made in archive.of("SR") if made not in (signed, unsigned)]
    named = late.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == uid


@pytest.mark.parametrize(
    "parts",
    [
        ("liked", "Doe^Jane", "Lab", None),
        ("corrected", "Doe^Jane", "Lab", None),
        ("accepted", "Doe^Jane", "Lab", Label.BENIGN),
        ("accepted", " ", "Lab", None),
        ("accepted", "Doe^Jane", "a\\b", None),
        ("rejected", "Doe^Jane", "Lab", None, "", Subtype.PRE_B),
        ("corrected", "Doe^Jane", "Lab", Label.BENIGN, "", Subtype.PRE_B),
        ("corrected", "Doe^Jane", "Lab", Label.MALIGNANT, "", Subtype.BENIGN),
        ("accepted", "Doe^Jane", "Lab", None, "", None, datetime.datetime(2026, 11, 26)),
    ],
)
def test_a_signature_that_says_nothing_clear_is_refused(parts: Any) -> None:
    with pytest.raises(ConfigurationError):
        Signature(*parts)


@pytest.fixture
def clearly(triton: KServe) -> None:
    """Every field is malignant, and so is each of its cells."""
    answer = dataclasses.replace(MALIGNANT_ANSWER, cells=TWO_CELLS[:1])
    triton.respond = lambda _: answer


@pytest.mark.usefixtures("clearly")
@pytest.mark.parametrize("named", ["study", "image", "report"])
def test_a_case_is_signed_by_any_of_its_uids_once(
    steps: Steps, archive: Archive, file: Path, named: str
) -> None:
    image, *others = (jpeg_object(number, instance=number + 1) for number in range(5))
    steps.keep(image, *others, jpeg_object(2, study=2))
    steps.run()
    (unsigned,) = [
        made for made in archive.of("SR") if made.StudyInstanceUID == image.StudyInstanceUID
    ]
    uid = {
        "study": image.StudyInstanceUID,
        "image": image.SOPInstanceUID,
        "report": unsigned.SOPInstanceUID,
    }[named]
    signed_uid = call(file, uid, assessment="accepted", subtype=Subtype.PRE_B)
    steps.run()
    assert call(file, uid, assessment="accepted", subtype=Subtype.PRE_B) == signed_uid
    steps.run()
    (signed,) = [made for made in archive.of("SR") if made.VerificationFlag == "VERIFIED"]
    assert signed.SOPInstanceUID == signed_uid
    assert signed.StudyInstanceUID == image.StudyInstanceUID
    assert signed.VerifyingObserverSequence[0].VerificationDateTime == "20261126123001+0000"
    assert said(signed) == {"ASSESSMENT": "ACCEPTED", "PERSON_SUBTYPE": "PRE_B"}


@pytest.mark.usefixtures("clearly")
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (Label.MALIGNANT, {"ASSESSMENT": "ACCEPTED"}),
        (Label.BENIGN, {"ASSESSMENT": "CORRECTED", "CORRECTED_LABEL": "30807003"}),
        (None, {"ASSESSMENT": "REJECTED"}),
    ],
)
def test_the_assessment_follows_from_the_label(
    steps: Steps, file: Path, label: Label | None, expected: dict[str, str]
) -> None:
    images = [jpeg_object(number, instance=number + 1) for number in range(5)]
    steps.keep(*images)
    steps.run()
    uid = call(file, images[0].StudyInstanceUID, label=label)
    assert said(dcmread(steps.inbox.result_path(uid))) == expected


def test_a_second_person_signs_what_the_first_has_signed(steps: Steps, file: Path) -> None:
    image = jpeg_object(1)
    steps.keep(image)
    steps.run()
    first = call(file, image.StudyInstanceUID, assessment="accepted")
    second = call(file, image.StudyInstanceUID, assessment="rejected", by="Roe^Rita")
    assert call(file, image.StudyInstanceUID, assessment="accepted") == first
    rows = steps.inbox.database.rows("SELECT uid, predecessor FROM reports ORDER BY rowid")
    assert [tuple(row) for row in rows][1:] == [(first, rows[0]["uid"]), (second, first)]


def test_a_case_without_a_report_is_an_error(steps: Steps, file: Path) -> None:
    image = jpeg_object(1)
    steps.keep(image)
    for uid in (image.StudyInstanceUID, "1.2.3", ""):
        with pytest.raises(ConfigurationError, match="no report"):
            call(file, uid, assessment="accepted")


def test_a_case_that_is_not_called_malignant_has_no_subtype_when_accepted(
    steps: Steps, file: Path
) -> None:
    steps.keep(jpeg_object(1))
    steps.run()
    with pytest.raises(ConfigurationError, match="no subtype"):
        call(file, jpeg_object(1).StudyInstanceUID, assessment="accepted", subtype=Subtype.PRO_B)


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO_IR 192"])
def test_names_in_any_script_come_out_right(
    steps: Steps, archive: Archive, file: Path, charset: str | None
) -> None:
    image = jpeg_object(1)
    patient = PATIENT if charset is None else "Müller^Xaveria"
    if charset is not None:
        image.SpecificCharacterSet = charset
        image.PatientName = patient
    steps.keep(image)
    steps.run()
    call(
        file, image.StudyInstanceUID, assessment="rejected", by="Łęcka^Żaneta", comment="β-Zelle 白"
    )
    steps.run()
    (signed,) = [made for made in archive.of("SR") if made.VerificationFlag == "VERIFIED"]
    assert signed.PatientName == patient
    assert signed.VerifyingObserverSequence[0].VerifyingObserverName == "Łęcka^Żaneta"
    assert signed.ContentSequence[-1].ContentSequence[-1].TextValue == "β-Zelle 白"
