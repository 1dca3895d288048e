"""Objects are de-identified on their way in, and all that is made of them says so."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from dicomanonymizer.simpledicomanonymizer import initialize_actions
from pydicom import datadict, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration
from allclient.pacs import deidentify
from allclient.pacs.config import Config
from allclient.pacs.deidentify import Deidentifier, IdentifiedError
from allclient.pacs.inbox import Inbox
from allclient.pacs.received import Received
from tests.unit.client.kserve import KServe
from tests.unit.dicom.objects import ACCESSION, PATIENT, PATIENT_ID, as_file, jpeg_object
from tests.unit.dicom.slides import level, mosaic
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.steps import Steps

SECRET = "Geheim"
_TEXTS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")


def received(made: Any) -> Received:
    return Received(made.SOPInstanceUID, made.StudyInstanceUID, made.SOPClassUID, "MICROSCOPE")


def through(made: Any, folder: Path, *, keep_uids: bool = False) -> tuple[Received, Dataset, bytes]:
    change = Deidentifier(folder, keep_uids=keep_uids)
    names, data = change(received(made), as_file(made))
    path = folder / "made.dcm"
    path.write_bytes(data)
    return names, dcmread(path), data


def full_object() -> Any:
    """An object with every text and date of the profile, also in a sequence, and private ones."""
    made = jpeg_object(1, study=777)
    inner = Dataset()
    for place in (made, inner):
        for tag in initialize_actions(f"dicomfields_{deidentify.TABLES}"):
            if len(tag) == 2 and tag[0] > 2 and datadict.dictionary_has_tag(tag):
                vr = datadict.dictionary_VR(tag)
                if vr in _TEXTS and tag not in place:
                    place.add(DataElement(tag, vr, SECRET))
                elif vr in ("DA", "DT") and tag not in place:
                    place.add(DataElement(tag, vr, "19700203"))
    inner.private_block(0x0099, "vendor", create=True).add_new(1, "LO", SECRET)
    made.private_block(0x0099, "vendor", create=True).add_new(1, "LO", SECRET)
    made.SpecimenDescriptionSequence = [inner]
    made.add(DataElement((0x6000, 0x3000), "OB", SECRET.encode()))  # an overlay
    made.preamble = SECRET.encode().ljust(128)
    return made


def test_nothing_of_the_patient_is_left(tmp_path: Path) -> None:
    sent = full_object()
    names, made, data = through(sent, tmp_path)
    for secret in (SECRET, PATIENT, "Xaveria", PATIENT_ID, ACCESSION, "19700203", "20261101"):
        assert secret.encode() not in data
    for uid in (sent.SOPInstanceUID, sent.StudyInstanceUID, sent.SeriesInstanceUID):
        assert uid.encode() + b"\0" not in data
        assert uid.encode() not in data.partition(b"DICM")[2].replace(
            sent.SOPClassUID.encode(), b""
        )
    assert (names.instance, names.study) == (made.SOPInstanceUID, made.StudyInstanceUID)
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert made.PixelData == sent.PixelData
    assert (made.Rows, made.Columns) == (sent.Rows, sent.Columns)
    assert not [element for element in made if element.tag.is_private]


def test_it_says_by_which_profile(tmp_path: Path) -> None:
    _, made, _ = through(jpeg_object(1), tmp_path)
    assert made.PatientIdentityRemoved == "YES"
    assert made.LongitudinalTemporalInformationModified == "REMOVED"
    assert "PS3.15" in made.DeidentificationMethod
    assert [code.CodeValue for code in made.DeidentificationMethodCodeSequence] == ["113100"]
    sent = jpeg_object(1)
    names, kept, _ = through(sent, tmp_path, keep_uids=True)
    assert [code.CodeValue for code in kept.DeidentificationMethodCodeSequence] == [
        "113100",
        "113110",
    ]
    assert names == received(sent)
    assert (kept.SOPInstanceUID, kept.SeriesInstanceUID) == (
        sent.SOPInstanceUID,
        sent.SeriesInstanceUID,
    )
    assert PATIENT_ID not in str(kept)


def test_a_study_stays_a_study_and_a_patient_a_patient(tmp_path: Path) -> None:
    first, a, _ = through(jpeg_object(1, instance=1), tmp_path)
    second, b, _ = through(jpeg_object(2, instance=2), tmp_path)
    other, c, _ = through(jpeg_object(2, instance=2, study=2, PatientID="PID-2"), tmp_path)
    again, _, _ = through(jpeg_object(1, instance=1), tmp_path)
    assert first == again
    assert first.study == second.study != other.study
    assert first.instance != second.instance
    assert a.PatientID == b.PatientID != c.PatientID
    assert a.PatientID
    elsewhere, d, _ = through(jpeg_object(1, instance=1), _new(tmp_path / "other"))
    assert elsewhere.study != first.study
    assert d.PatientID != a.PatientID
    assert (tmp_path / deidentify.KEY_FILE).stat().st_mode & 0o777 == 0o600


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "made",
    [
        jpeg_object(1, BurnedInAnnotation="YES"),
        level(mosaic(1, 1), um=0.5, kind="LABEL"),
        level(mosaic(1, 1), um=0.5, kind="OVERVIEW", SpecimenLabelInImage="YES"),
    ],
)
def test_pixels_that_may_name_the_patient_are_refused(tmp_path: Path, made: Any) -> None:
    with pytest.raises(IdentifiedError):
        through(made, tmp_path)


def test_the_gateway_keeps_and_sends_nothing_else(
    config: Config, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "allclient")
    node = dataclasses.replace(config.node, deidentify="profile")
    config = dataclasses.replace(config, node=node)
    inbox = Inbox.of(config)
    sent = jpeg_object(1)
    burned = jpeg_object(2, instance=2, BurnedInAnnotation="YES")
    assert start(config, inbox).send(sent, sent, burned) == [0, 0, 0xC000]
    assert len(inbox.database.rows("SELECT * FROM objects")) == 1
    (kept,) = inbox.objects.rglob("*.dcm")
    assert PATIENT_ID.encode() not in kept.read_bytes()
    for path in inbox.folder.glob("queue.sqlite*"):
        assert sent.StudyInstanceUID.encode() not in path.read_bytes()
    assert "burned-in" in caplog.text
    inbox.close()


def test_the_results_say_it_too(
    steps: Steps, archive: Archive, triton: KServe, tmp_path: Path
) -> None:
    steps.inbox._deidentify = Deidentifier(tmp_path, keep_uids=False)
    steps.keep(jpeg_object(1))
    steps.run()
    assert len(archive.stored) == 3
    for made in archive.stored:
        assert made.PatientIdentityRemoved == "YES"
        assert made.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert PATIENT_ID not in str(made)


def test_results_that_name_a_patient_do_not_go_with_it(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    settings["node"]["deidentify"] = "profile"
    settings["hl7"] = {"host": "127.0.0.1"}
    with pytest.raises(ConfigurationError, match="does not go with"):
        configuration.parse(settings, tmp_path)
