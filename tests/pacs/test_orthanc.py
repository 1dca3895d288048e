"""From a microscope to an archive and back, with a real Orthanc and dcmtk's programs.

The classifying server is the tests' own KServe: what it answers is known.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

import highdicom
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from allclient import Client
from allclient.pacs import fetcher, webfetcher
from allclient.pacs.config import Config
from allclient.pacs.gateway import Gateway
from allclient.pacs.letters import counts
from allclient.pacs.signing import Signature, sign
from allclient.pacs.uids import key_of
from tests.pacs.conftest import GATEWAY_PORT, HTTP, Orthanc
from tests.unit.client.kserve import (
    BENIGN_ANSWER,
    MALIGNANT_ANSWER,
    TWO_CELLS,
    Answer,
    KServe,
    rejected,
)
from tests.unit.dicom.objects import (
    ACCESSION,
    FIELDS,
    PATIENT,
    PATIENT_ID,
    as_file,
    bare,
    jpeg_object,
    root,
)
from tests.waiting import until


@pytest.fixture
def triton() -> Iterator[KServe]:
    """Field 0 is benign, field 1 needs review, field 2 is refused, all others are malignant."""
    known = {bare(number): number for number in range(len(FIELDS))}
    special = {
        0: BENIGN_ANSWER,
        1: replace(MALIGNANT_ANSWER, review="low_confidence,poor_quality"),
    }

    def respond(image: bytes) -> Answer:
        number = known[image]
        if number == 2:
            raise rejected("image_corrupt", "not a field")
        return special.get(number, replace(MALIGNANT_ANSWER, cells=TWO_CELLS))

    with KServe(respond) as server:
        yield server


@pytest.fixture
def start(triton: KServe) -> Iterator[Callable[[Config], Gateway]]:
    started: list[tuple[Gateway, Client]] = []

    def make(config: Config) -> Gateway:
        client = Client(triton.address)
        gateway = Gateway(config, client, "0.0.0")
        gateway.start()
        started.append((gateway, client))
        return gateway

    yield make
    for gateway, client in started:
        gateway.stop()
        client.close()


def files(folder: Path, *objects: Any) -> list[str]:
    paths = []
    for number, made in enumerate(objects):
        path = folder / f"{number}.dcm"
        path.write_bytes(as_file(made))
        paths.append(str(path))
    return paths


def dcmsend(paths: list[str]) -> Any:
    command = ["dcmsend", "-aet", "MICROSCOPE", "-aec", "ALLCLIENT", "127.0.0.1"]
    return subprocess.run(
        [*command, str(GATEWAY_PORT), *paths], capture_output=True, text=True, check=False
    )


def results(orthanc: Orthanc, modality: str, number: int = 1) -> list[Dataset]:
    found = until(
        lambda: files if len(files := orthanc.files(modality)) >= number else None,
        f"{number} objects of modality {modality} in Orthanc",
    )
    return [dcmread(io.BytesIO(data)) for data in found]


def validate(data: bytes, tmp_path: Path) -> list[str]:
    """The errors that dciodvfy finds."""
    path = tmp_path / "validated.dcm"
    path.write_bytes(data)
    program = Path(sys.executable).with_name("dciodvfy")  # of the package dicom3tools
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    said = done.stderr.splitlines() + done.stdout.splitlines()
    assert said, "it names at least the kind of object"
    return [line for line in said if line.startswith("Error")]


def test_images_by_dimse_come_back_as_sr_pictures_and_pdf(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "allclient")
    gateway = start(make_config())
    sent = [jpeg_object(number, instance=number + 1) for number in range(4)]
    done = dcmsend(files(tmp_path, *sent))
    assert done.returncode == 0, done.stderr
    (report,) = results(orthanc, "SR")
    (page,) = results(orthanc, "DOC")
    pictures = results(orthanc, "GM", 3)
    for data in orthanc.files("SR") + orthanc.files("DOC") + orthanc.files("GM")[:2]:
        assert validate(data, tmp_path) == []

    # The report: same patient and study, one group a field with an outline, nothing verified.
    for made in (report, page, *pictures):
        assert (made.StudyInstanceUID, made.PatientID) == (root(1), PATIENT_ID)
        assert (made.PatientName, made.AccessionNumber) == (PATIENT, ACCESSION)
        assert "not a medical device" in made.SeriesDescription
    assert (report.VerificationFlag, report.CompletionFlag) == ("UNVERIFIED", "COMPLETE")
    parsed = highdicom.sr.srread(io.BytesIO(orthanc.files("SR")[0]))
    groups = parsed.content.get_planar_roi_measurement_groups()
    assert len(groups) == 3
    by_image = {
        str(group.roi.ContentSequence[0].referenced_sop_instance_uid): group for group in groups
    }
    benign = by_image[root(1) + ".1"]
    doubted = by_image[root(1) + ".2"]
    assert benign.finding_type.meaning == "Benign"
    assert evaluations(doubted) >= {
        ("LABEL", "Malignant"),
        ("SUBTYPE", "Pre-B lymphoblasts"),
        ("VOTE_XCEPTION", "Pre-B lymphoblasts"),
        ("REVIEW", "Low confidence"),
        ("REVIEW", "Poor quality"),
    }
    (probability,) = [
        item.value for item in doubted.get_measurements() if item.name.value == "122157"
    ]
    assert probability == pytest.approx(0.95)
    (tmp_path / "sr.dcm").write_bytes(orthanc.files("SR")[0])
    command = ["dsrdump", "+Pl", str(tmp_path / "sr.dcm")]
    counted = {item.name.value: item.value for item in by_image[root(1) + ".4"].get_measurements()}
    assert counted["LEUKOCYTES"] == 2
    (tmp_path / "sr.dcm").write_bytes(orthanc.files("SR")[0])
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Fields called malignant" in dumped
    assert "Not a medical device" in dumped

    # Pictures and page show in a viewer, and the page names no patient.
    rendered = [
        orthanc.get(f"/instances/{name}/rendered").content
        for name in orthanc.get("/instances").json()
        if orthanc.get(f"/instances/{name}/simplified-tags").json()["Modality"] == "GM"
    ]
    assert {Image.open(io.BytesIO(png)).size for png in rendered} == {(640, 224 + 8 + 2 * 18)}
    assert page.EncapsulatedDocument.startswith(b"%PDF-")

    # The queue says the same, and nothing that was said names the patient.
    assert counts(gateway.inbox.database) == {
        ("objects", "read"): 3,
        ("objects", "refused"): 1,
        ("reports", "built"): 1,
        ("exports", "sent"): 5,
    }
    names = " ".join(path.name for path in gateway.inbox.folder.rglob("*"))
    for secret in (PATIENT, "Xaveria", PATIENT_ID, ACCESSION):
        assert secret not in caplog.text + names


def test_a_signed_report_is_valid_and_beside_the_unsigned_one(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    config = make_config(picture=False, pdf=False)
    gateway = start(config)
    dcmsend(files(tmp_path, jpeg_object(3)))
    (report,) = results(orthanc, "SR")
    uid = sign(
        config,
        gateway.inbox,
        key_of(report.SOPInstanceUID),
        Signature("rejected", "Doe^Jane", "Lab"),
    )
    both = results(orthanc, "SR", 2)
    assert {made.SOPInstanceUID for made in both} == {report.SOPInstanceUID, uid}
    for data in orthanc.files("SR"):
        assert validate(data, tmp_path) == []


def evaluations(group: Any) -> set[tuple[str, str]]:
    return {(item.name.value, item.value.meaning) for item in group.get_qualitative_evaluations()}


def test_a_late_image_makes_a_report_that_names_the_earlier_one(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    start(make_config(pdf=False))
    dcmsend(files(tmp_path, jpeg_object(3, instance=1)))
    (first,) = results(orthanc, "SR")
    dcmsend(files(tmp_path, jpeg_object(4, instance=2)))
    both = results(orthanc, "SR", 2)
    (second,) = [made for made in both if made.SOPInstanceUID != first.SOPInstanceUID]
    named = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert len(results(orthanc, "GM", 2)) == 2  # the first picture was not sent again


def test_results_by_dicomweb(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    config = make_config(dicomweb=f"{HTTP}/dicom-web")
    gateway = start(replace(config, export=replace(config.export, peer=None)))
    dcmsend(files(tmp_path, jpeg_object(3)))
    results(orthanc, "SR")
    results(orthanc, "DOC")
    until(
        lambda: counts(gateway.inbox.database).get(("exports", "sent")) == 3, "3 verified results"
    )


def test_storage_commitment_is_asked_and_answered(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    gateway = start(make_config(storage_commitment=True))
    dcmsend(files(tmp_path, jpeg_object(3)))
    until(
        lambda: counts(gateway.inbox.database).get(("exports", "committed")) == 3,
        "3 results that the archive commits to keep",
    )


def test_the_archive_is_away_for_a_while(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    gateway = start(make_config())
    orthanc.stop()
    try:
        dcmsend(files(tmp_path, jpeg_object(3)))
        until(
            lambda: gateway.inbox.database.rows("SELECT * FROM exports WHERE tries > 0"),
            "a failed try",
        )
    finally:
        orthanc.start()
    results(orthanc, "SR")


def test_the_archive_sends_and_gets(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    tmp_path: Path,
) -> None:
    """Images that came into the archive by STOW go to the gateway by the archive's own C-STORE."""
    from dicomweb_client.api import DICOMwebClient

    start(make_config())
    DICOMwebClient(f"{HTTP}/dicom-web").store_instances([jpeg_object(3)])
    orthanc.send_all("gateway")
    (report,) = results(orthanc, "SR")
    assert report.StudyInstanceUID == root(1)


@pytest.mark.parametrize("dicomweb", [False, True])
def test_what_the_archive_has_is_fetched_by_its_accession_number(
    orthanc: Orthanc,
    make_config: Callable[..., Config],
    start: Callable[[Config], Gateway],
    dicomweb: bool,
) -> None:
    """C-FIND and C-MOVE, or QIDO and WADO; other numbers and what is no image stay there."""
    from dicomweb_client.api import DICOMwebClient

    service = {"dicomweb": f"{HTTP}/dicom-web"} if dicomweb else {}
    config = make_config(picture=False, pdf=False, **service)
    gateway = start(config)
    wanted = [jpeg_object(number, instance=number) for number in (3, 4)]
    other = jpeg_object(5, study=2, AccessionNumber="OTHER")
    DICOMwebClient(f"{HTTP}/dicom-web").store_instances([*wanted, other])
    assert config.export.peer is not None
    for _ in range(2):
        if dicomweb:
            fetched = webfetcher.fetch(config, gateway.inbox, ACCESSION)
        else:
            fetched = fetcher.fetch(config, config.export.peer, ACCESSION)
        assert fetched == fetcher.Fetched(series=1, came=2, failed=0)
    rows = gateway.inbox.database.rows("SELECT key, instance FROM objects")
    assert {row["instance"] for row in rows} == {made.SOPInstanceUID for made in wanted}
    for made in wanted:
        kept = dcmread(gateway.inbox.path(key_of(made.SOPInstanceUID)))
        assert kept.file_meta.TransferSyntaxUID == made.file_meta.TransferSyntaxUID
        assert kept.PixelData == made.PixelData
    results(orthanc, "SR")


def test_echo_and_strangers(
    make_config: Callable[..., Config], start: Callable[[Config], Gateway]
) -> None:
    start(make_config())

    def echo(title: str) -> int:
        command = ["echoscu", "-aet", title, "-aec", "ALLCLIENT", "127.0.0.1", str(GATEWAY_PORT)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert echo("MICROSCOPE") == 0
    assert echo("STRANGER") != 0


def test_check_says_what_works(
    orthanc: Orthanc, make_config: Callable[..., Config], tmp_path: Path
) -> None:
    from allclient.pacs.trial import trials

    config = make_config(storage_commitment=True, dicomweb=f"{HTTP}/dicom-web")
    said = {trial.what: trial for trial in trials(config)}
    assert all(trial.works for trial in said.values()), said
    assert "Comprehensive 3D SR" in said["peer ARCHIVE"].said
    orthanc.stop()
    try:
        said = {trial.what: trial for trial in trials(config)}
    finally:
        orthanc.start()
    assert not said["peer ARCHIVE"].works
    assert not said["DICOMweb"].works
    assert said["folder"].works
