"""The queue's steps one by one, with a server and an archive in this process."""

from __future__ import annotations

import dataclasses
import os
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

import grpc
import highdicom
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from allclient import Client, Result, ReviewReason
from allclient.cli.group import run
from allclient.errors import ServerUnavailableError
from allclient.pacs import answers, codes, letters, picture
from allclient.pacs.config import Config
from allclient.pacs.reader import MAX_TRIES, Reader
from allclient.pacs.received import Received
from allclient.pacs.retention import Retention
from allclient.pacs.study import Field, Image
from allclient.pacs.uids import derived, is_uid, key_of, report_uid
from tests.unit.client.kserve import TWO_CELLS, KServe, Refused, rejected
from tests.unit.dicom.objects import FIELDS, as_file, bare, jpeg_object, rgb_object
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.steps import CELLS, Steps


def test_a_study_comes_out_as_report_pictures_and_page(steps: Steps, archive: Archive) -> None:
    steps.keep(jpeg_object(1, instance=1), rgb_object(2, instance=2))
    steps.run()
    (report,) = archive.of("SR")
    assert len(archive.of("GM")) == 2
    assert len(archive.of("DOC")) == 1
    assert report.SOPInstanceUID == report_uid(
        report.StudyInstanceUID, [report.StudyInstanceUID + ".1", report.StudyInstanceUID + ".2"]
    )
    assert report.VerificationFlag == "UNVERIFIED"
    assert steps.counts == {
        ("objects", "read"): 2,
        ("reports", "built"): 1,
        ("exports", "sent"): 4,
    }
    steps.run()
    assert len(archive.stored) == 4


def test_the_server_is_told_the_size_of_a_pixel(steps: Steps, triton: KServe) -> None:
    steps.keep(jpeg_object(1, instance=1, PixelSpacing=[0.00025, 0.00025]))
    steps.keep(jpeg_object(2, instance=2))
    steps.run()
    rows = steps.inbox.database.rows("SELECT answer FROM objects")
    read = [reading.result for row in rows for reading in answers.loads(row["answer"])]
    assert {result.um_per_pixel for result in read if result} == {0.25, None}
    assert sorted(map(str, triton.parameters)) == ["{'um_per_pixel': '0.25'}", "{}"]


def test_the_report_has_fields_cells_and_the_case(steps: Steps, archive: Archive) -> None:
    steps.keep(*(jpeg_object(1, instance=number) for number in range(1, 7)))
    steps.run()
    (report,) = archive.of("SR")
    content = highdicom.sr.Comprehensive3DSR.from_dataset(report).content
    groups = content.get_planar_roi_measurement_groups()
    shown = [cell for cell in TWO_CELLS if cell[4] < 0.5 or cell[-1] < 1]
    assert len(groups) == 6 * (1 + len(shown))
    summary = report.ContentSequence[-1]
    assert summary.ConceptNameCodeSequence[0].CodeValue == "CASE_SUMMARY"
    said = {item.ConceptNameCodeSequence[0].CodeValue: item for item in summary.ContentSequence}
    assert value(said["FIELDS_READ"]) == 6
    assert value(said["LEUKOCYTES"]) == 12
    assert 0 <= value(said["SHARE_LOW"]) <= value(said["SHARE_HIGH"]) <= 1
    assert "Not a medical device" in said["121106"].TextValue


@pytest.mark.parametrize("site", ["unstated", "bone_marrow", "blood"])
def test_every_group_has_the_site_that_is_configured(
    steps: Steps, archive: Archive, site: str
) -> None:
    export = dataclasses.replace(steps.config.export, site=site)
    steps.reporter._config = dataclasses.replace(steps.config, export=export)
    steps.keep(jpeg_object(1))
    steps.run()
    (report,) = archive.of("SR")
    content = highdicom.sr.Comprehensive3DSR.from_dataset(report).content
    groups = content.get_planar_roi_measurement_groups()
    assert len(groups) > 1
    wanted = [] if site == "unstated" else [codes.SITES[site]]
    for group in groups:
        assert [found.value for found in group.finding_sites] == wanted


@pytest.mark.parametrize("release", ["", "0123456789ab"])
def test_the_report_names_the_release_that_answered(
    steps: Steps, archive: Archive, triton: KServe, release: str
) -> None:
    answer = dataclasses.replace(CELLS, release=release)
    triton.respond = lambda _: answer
    steps.keep(jpeg_object(1))
    steps.run()
    (report,) = archive.of("SR")
    said = [element.value for element in report.iterall() if element.keyword == "TextValue"]
    assert f"release {release or 'unknown'}" in said


def test_every_snomed_code_is_in_the_dictionary() -> None:
    known = {code for entry in concepts["SCT"].values() for code in entry}
    used = [
        code.value
        for concept in vars(codes).values()
        for code in (concept.values() if isinstance(concept, dict) else (concept,))
        if isinstance(code, Code) and code.scheme_designator == "SCT"
    ]
    assert len(used) > 4
    assert known.issuperset(used)


def value(item: Any) -> float:
    return float(item.MeasuredValueSequence[0].NumericValue)


def test_every_frame_is_a_field(steps: Steps, archive: Archive) -> None:
    made = jpeg_object(NumberOfFrames=2)
    made.PixelData = encapsulate([FIELDS[0].read_bytes(), FIELDS[1].read_bytes()])
    steps.keep(made)
    steps.run()
    assert len(archive.of("GM")) == 2
    (report,) = archive.of("SR")
    groups = highdicom.sr.Comprehensive3DSR.from_dataset(
        report
    ).content.get_planar_roi_measurement_groups()
    assert {group.roi.ContentSequence[0].referenced_frame_numbers[0] for group in groups} == {1, 2}
    assert {
        picture.SourceImageSequence[0].ReferencedFrameNumber for picture in archive.of("GM")
    } == {1, 2}


def test_refused_pictures_are_counted_and_named(
    steps: Steps, archive: Archive, triton: KServe
) -> None:
    def respond(image: bytes) -> Any:
        if image == bare(2):
            raise rejected("image_corrupt", "it is torn")
        return CELLS

    triton.respond = respond
    steps.keep(
        jpeg_object(1, instance=1), jpeg_object(2, instance=2), jpeg_object(instance=3, Rows=9)
    )
    steps.run()
    assert steps.counts["objects", "refused"] == 2
    (report,) = archive.of("SR")
    (not_read,) = [
        item
        for item in report.ContentSequence[-1].ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "FIELDS_NOT_READ"
    ]
    assert value(not_read) == 2
    reasons = sorted(letter.reason for letter in letters.letters(steps.inbox.database))
    assert reasons[0].startswith("image_corrupt: it is torn") or "JPEG" in reasons[0]
    assert all(reason.startswith("image_corrupt: ") for reason in reasons)


def test_while_the_server_is_away_nothing_is_given_up(steps: Steps, triton: KServe) -> None:
    class Away:
        def classify(self, source: bytes, **_: Any) -> Result:
            raise ServerUnavailableError("nobody answers")

    reader = Reader(steps.inbox, Away(), in_flight=2, quiet_seconds=60.0)
    steps.keep(jpeg_object())
    for _ in range(MAX_TRIES + 2):
        steps.make_due()
        reader.run()
    assert steps.counts == {("objects", "received"): 1}
    steps.run()
    assert steps.counts["objects", "read"] == 1


def test_what_the_server_fails_at_becomes_a_dead_letter_and_can_be_tried_again(
    steps: Steps, triton: KServe
) -> None:
    def fail(_: bytes) -> Any:
        raise Refused(grpc.StatusCode.INTERNAL, "a step failed")

    triton.respond = fail
    steps.keep(jpeg_object())
    for _ in range(MAX_TRIES):
        steps.make_due()
        steps.reader.run()
    (letter,) = letters.letters(steps.inbox.database)
    assert (letter.kind, letter.state) == ("object", "dead")
    assert "a step failed" in letter.reason
    triton.respond = lambda _: CELLS
    assert letters.retry(steps.inbox.database, (letter.key[:6],)) == 1
    steps.run()
    assert steps.counts["exports", "sent"] == 3


def test_an_archive_that_refuses_is_tried_until_it_is_a_dead_letter(
    steps: Steps, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allclient.pacs import exporter

    monkeypatch.setattr(exporter, "MAX_TRIES", 2)
    archive.status = 0xA700
    steps.keep(jpeg_object())
    steps.run()
    steps.make_due()
    steps.exporter.run()
    stuck = letters.letters(steps.inbox.database)
    assert {(letter.kind, letter.state, letter.tries) for letter in stuck} == {
        ("export", "dead", 2)
    }
    assert "0xA700" in stuck[0].reason
    archive.status = 0
    assert letters.retry(steps.inbox.database, ()) == 3
    steps.exporter.run()
    assert len(archive.stored) == 3


def test_nothing_is_reported_while_pictures_come(steps: Steps) -> None:
    steps.keep(jpeg_object())
    steps.reader.run()
    assert steps.reporter.run() == 0
    steps.make_due()
    assert steps.reporter.run() == 1


def test_mutated_objects_end_in_a_reason(steps: Steps, triton: KServe) -> None:
    """1 to 30 changed bytes each: every one is read or refused, and none stops the queue.

    ``MUTATED=1000 python -m pytest -k mutated tests/unit/pacs`` tries as many.
    """
    count = int(os.environ.get("MUTATED", "60"))
    chance = random.Random(17)
    sources = [as_file(jpeg_object()), as_file(rgb_object())]
    for number in range(count):
        data = bytearray(sources[number % 2])
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(132, min(len(data), 2500))] = chance.randrange(256)
        received = Received(f"1.2.3.{number}", "1.2", "1.2.840.10008.5.1.4.1.1.77.1.2", "M")
        steps.inbox.keep(received, bytes(data))
    steps.reader.run()
    assert sum(steps.counts.values()) == count
    stuck = steps.inbox.database.rows("SELECT reason FROM objects WHERE state = 'received'")
    assert [row["reason"] for row in stuck] == []
    assert set(steps.counts) <= {("objects", "read"), ("objects", "refused")}
    assert steps.counts["objects", "refused"] > 10


def test_pixels_go_when_all_is_safe_and_a_later_report_still_works(
    steps: Steps, archive: Archive, config: Config
) -> None:
    node = dataclasses.replace(config.node, keep_pixels_days=1.0)
    kept_a_day = dataclasses.replace(config, node=node)
    first = jpeg_object(1, instance=1)
    steps.keep(first)
    archive.status = 0xA700
    steps.run()
    assert Retention(kept_a_day, steps.inbox).run() == 0  # it is not safe elsewhere yet
    archive.status = 0
    steps.make_due()
    steps.exporter.run()
    assert Retention(kept_a_day, steps.inbox).run() == 1
    left = steps.inbox.path(key_of(first.SOPInstanceUID))
    assert left.stat().st_size < 4096
    assert "PixelData" not in dcmread(left)
    assert len(list(steps.inbox.results.iterdir())) == 2  # report and page, no picture
    steps.keep(jpeg_object(2, instance=2))
    assert Retention(kept_a_day, steps.inbox).run() == 0  # it has just come
    steps.run()
    assert len(archive.of("SR")) == 2
    assert len(archive.of("GM")) == 2


def test_no_review_reason_falls_off_a_picture() -> None:
    with KServe(lambda _: CELLS) as server, Client(server.address) as client:
        result = dataclasses.replace(client.classify(FIELDS[0]), review=tuple(ReviewReason))
    field = Field(Image(jpeg_object(), []), 0, result)
    lines = picture.caption(field)
    assert all(reason.value in " ".join(lines) for reason in ReviewReason)
    pen = ImageDraw.Draw(PillowImage.new("RGB", (1, 1)))
    font = ImageFont.load_default(13)
    assert max(pen.textlength(line, font) for line in lines) < picture._MIN_WIDTH - 12
    drawn = picture.draw(field, FIELDS[0].read_bytes())
    assert drawn.height >= 224 + 18 * len(lines)


def test_readings_survive_the_queue() -> None:
    with KServe(lambda _: CELLS) as server, Client(server.address) as client:
        result = client.classify(FIELDS[0], cells=True)
    kept = answers.loads(
        answers.dumps([answers.Reading(0, result), answers.Reading(1, None, "image_corrupt: x")])
    )
    assert kept[1] == answers.Reading(1, None, "image_corrupt: x")
    assert dataclasses.replace(kept[0].result, request_id=result.request_id) == result
    assert (kept[0].result.heatmap == result.heatmap).all()


def test_private_codes_are_short_and_mean_one_thing() -> None:
    found: dict[str, str] = {}
    for concept in vars(codes).values():
        for code in concept.values() if isinstance(concept, dict) else (concept,):
            if isinstance(code, Code) and code.scheme_designator == codes.SCHEME:
                assert len(code.value) <= 16, code
                assert found.setdefault(code.value, code.meaning) == code.meaning
    assert len(found) > 30


def test_uids() -> None:
    assert derived("a", "b") == derived("a", "b") != derived("ab")
    assert is_uid(derived("x"))
    assert len(derived("x")) <= 64
    assert report_uid("1.2", ["3", "4"]) == report_uid("1.2", ["4", "3"])
    for text in ("", "1.2.", "../1", "1.2/3", "1" * 65, "1.2\0"):
        assert not is_uid(text)


def test_the_queue_at_the_command(
    steps: Steps, triton: KServe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pacs.toml"
    path.write_text(
        f'[node]\nfolder = "{steps.inbox.folder}"\n[[peer]]\nae_title = "A"\nhost = "127.0.0.1"\n'
        'port = 104\n[export]\npeer = "A"\n'
    )
    assert run(["pacs", "queue", "list", str(path)]) == 0
    assert "the queue is empty" in capfd.readouterr().err
    assert run(["pacs", "check", str(path)]) == 1
    assert "FAILS  peer A: it does not answer" in capfd.readouterr().out
    steps.keep(jpeg_object(Rows=9))
    steps.reader.run()
    assert run(["pacs", "queue", "list", str(path)]) == 0
    listed = capfd.readouterr().out
    assert "1 objects refused" in listed
    assert "image_corrupt" in listed
    key = listed.splitlines()[-1][:12]
    assert run(["pacs", "queue", "show", str(path), key]) == 0
    assert "MICROSCOPE" in capfd.readouterr().out
    assert run(["pacs", "queue", "retry", str(path), key]) == 0
    assert "1 put back" in capfd.readouterr().out
    assert run(["pacs", "queue", "show", str(path), "zz"]) == 2
