"""The Storage SCP, by DICOM over loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread, uid

from allclient.dicom import header
from allclient.pacs import config as configuration
from allclient.pacs import disk
from allclient.pacs import inbox as inboxes
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from allclient.pacs.received import Received
from allclient.pacs.uids import key_of
from tests.unit.dicom.objects import (
    ACCESSION,
    FIELDS,
    PATIENT,
    PATIENT_ID,
    as_file,
    jpeg_object,
    rgb_object,
)

FULL, MISMATCH, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_echo(config: Config, inbox: Inbox, start: Any) -> None:
    association = start(config, inbox).associate()
    assert association.send_c_echo().Status == 0
    association.release()


def test_a_kept_object_is_the_sent_one_and_in_the_queue(
    config: Config, inbox: Inbox, start: Any
) -> None:
    running = start(config, inbox)
    sent = jpeg_object()
    assert running.send(sent) == [0]
    assert running.kept.acquire(timeout=60)
    kept = dcmread(inbox.path(key_of(sent.SOPInstanceUID)))
    assert kept == sent
    assert kept.file_meta.TransferSyntaxUID == uid.JPEGBaseline8Bit
    (row,) = inbox.database.rows("SELECT * FROM objects")
    assert (row["instance"], row["study"]) == (sent.SOPInstanceUID, sent.StudyInstanceUID)
    assert (row["state"], row["peer"]) == ("received", "MICROSCOPE")


def test_the_queue_can_be_read_by_another_process_at_once(
    config: Config, inbox: Inbox, start: Any
) -> None:
    assert start(config, inbox).send(jpeg_object()) == [0]
    other = sqlite3.connect(inbox.folder / "queue.sqlite")
    assert other.execute("SELECT count(*) FROM objects").fetchone() == (1,)
    other.close()


def test_the_same_instance_is_one_piece_of_work(config: Config, inbox: Inbox, start: Any) -> None:
    running = start(config, inbox)
    assert running.send(jpeg_object(), jpeg_object()) == [0, 0]
    assert len(inbox.database.rows("SELECT * FROM objects")) == 1
    assert len(list(inbox.objects.rglob("*.dcm"))) == 1


def test_four_associations_at_once(config: Config, inbox: Inbox, start: Any) -> None:
    running = start(config, inbox)
    statuses: list[int] = []

    def send(first: int) -> None:
        statuses.extend(running.send(*(jpeg_object(instance=first + n) for n in range(10))))

    threads = [threading.Thread(target=send, args=(100 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 40
    assert len(inbox.database.rows("SELECT * FROM objects")) == 40


def test_unknown_callers_are_rejected(
    config: Config, inbox: Inbox, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(config, inbox)
    assert running.associate("STRANGER").is_rejected
    assert running.associate("MICROSCOPE", called="OTHER").is_rejected
    assert "STRANGER" in caplog.text


def test_a_title_from_another_peers_host_is_rejected(
    settings: dict[str, Any], inbox: Inbox, start: Any, tmp_path: Path
) -> None:
    settings["peer"][0]["host"] = "127.0.0.9"
    running = start(configuration.parse(settings, tmp_path), inbox)
    assert running.associate("MICROSCOPE").is_rejected
    assert running.associate("ARCHIVE").is_established


def test_a_connection_from_no_peers_host_is_closed(
    settings: dict[str, Any], inbox: Inbox, start: Any, tmp_path: Path
) -> None:
    for peer in settings["peer"]:
        peer["host"] = "127.0.0.9"
    running = start(configuration.parse(settings, tmp_path), inbox)
    assert not running.associate("MICROSCOPE").is_established


def test_other_classes_are_not_accepted(config: Config, inbox: Inbox, start: Any) -> None:
    association = start(config, inbox).associate()
    with pytest.raises(ValueError, match="No presentation context"):
        association.send_c_store(rgb_object(sop_class=uid.CTImageStorage))
    association.release()


def test_an_object_with_another_name_than_announced_is_refused(
    config: Config, inbox: Inbox, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pynetdicom import dimse_primitives

    lie = jpeg_object().SOPInstanceUID + ".9"
    monkeypatch.setattr(
        dimse_primitives.C_STORE,
        "AffectedSOPInstanceUID",
        property(lambda self: lie, lambda self, value: None),
    )
    running = start(config, inbox)
    assert running.send(jpeg_object()) == [MISMATCH]
    assert names(inbox.objects) == []


@pytest.mark.parametrize("study", ["../../etc/passwd", "1.2/../3", "", "1.2.840." + "9" * 60])
def test_uids_that_are_none_are_refused(
    config: Config, inbox: Inbox, start: Any, study: str
) -> None:
    made = jpeg_object()
    made["StudyInstanceUID"].value = study
    assert start(config, inbox).send(made) == [NOT_UNDERSTOOD]
    assert names(inbox.objects) == []


def test_a_full_disk_refuses_and_leaves_nothing(
    config: Config, inbox: Inbox, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(config, inbox)
    real = disk.os.write

    def full(descriptor: int, data: Any) -> int:
        if len(data) > 4096:
            return real(descriptor, data[:4096])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "write", full)
    assert running.send(jpeg_object()) == [FULL]
    monkeypatch.undo()
    assert names(inbox.objects) == []
    assert inbox.database.rows("SELECT * FROM objects") == []
    assert running.send(jpeg_object()) == [0]


def test_too_little_free_disk_refuses(config: Config, inbox: Inbox, start: Any) -> None:
    inbox._least_free = 2**60
    assert start(config, inbox).send(jpeg_object()) == [FULL]


def test_an_object_that_is_too_large_ends_its_association(
    config: Config, inbox: Inbox, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    node = dataclasses.replace(config.node, max_object_mb=1)
    running = start(dataclasses.replace(config, node=node), inbox)
    association = running.associate()
    large = rgb_object(Rows=1000, Columns=1000)
    large.PixelData = bytes(3 * 1000 * 1000)
    assert association.send_c_store(large).get("Status") != 0
    assert "larger than 1 MB" in caplog.text
    assert names(inbox.objects) == []
    assert running.send(*(jpeg_object(instance=n) for n in range(40))) == [0] * 40


def test_a_pdu_that_is_longer_than_announced_ends_its_connection(
    config: Config, inbox: Inbox, start: Any
) -> None:
    running = start(config, inbox)
    with socket.create_connection(("127.0.0.1", running.receiver.port), timeout=30) as peer:
        peer.sendall(b"\x01\x00" + (2**31).to_bytes(4, "big") + bytes(100))
        while peer.recv(4096):
            pass
    assert running.send(jpeg_object()) == [0]


def test_a_deflated_object_that_unpacks_to_too_much_is_refused(
    config: Config, inbox: Inbox, start: Any
) -> None:
    node = dataclasses.replace(config.node, max_object_mb=1)
    running = start(dataclasses.replace(config, node=node), inbox)
    small = rgb_object(syntax=uid.DeflatedExplicitVRLittleEndian)
    bomb = rgb_object(
        syntax=uid.DeflatedExplicitVRLittleEndian, instance=2, TextValue="0" * 2_000_000
    )
    association = running.associate(syntaxes=[uid.DeflatedExplicitVRLittleEndian])
    statuses = [association.send_c_store(made).Status for made in (small, bomb)]
    association.release()
    assert statuses == [0, NOT_UNDERSTOOD]
    (kept,) = inbox.objects.rglob("*.dcm")
    assert dcmread(kept).SOPInstanceUID == small.SOPInstanceUID


@pytest.mark.parametrize("rest", [b"", b"\xff" * 9])
def test_a_deflated_object_that_is_cut_or_broken_does_not_hang(rest: bytes) -> None:
    whole = zlib.compress(bytes(100_000), wbits=-15)
    assert header.inflates_within(whole, 100_000)
    assert not header.inflates_within(whole, 99_999)
    assert not header.inflates_within(whole[:-4] + rest, 10**9)
    assert not header.inflates_within(rest, 10**9)


def test_one_sync_serves_all_that_wait(
    config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    transactions: list[None] = []
    real = inbox.database.transaction

    @contextlib.contextmanager
    def slow() -> Iterator[sqlite3.Connection]:
        transactions.append(None)
        begun.set()
        assert go_on.wait(60)
        with real() as connection:
            yield connection

    monkeypatch.setattr(inbox.database, "transaction", slow)
    made = [jpeg_object(instance=number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(keep, inbox, made[0])
        assert begun.wait(60)
        rest = [pool.submit(keep, inbox, each) for each in made[1:]]
        while len(inbox._queue._waiting) < len(rest):
            threading.Event().wait(0.01)
        go_on.set()
        assert all(each.result() for each in (first, *rest))
    assert len(transactions) == 2
    assert len(inbox.database.rows("SELECT * FROM objects")) == 6


def test_what_keeps_one_out_is_told_to_all_that_wait(
    config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def full() -> Iterator[None]:
        raise disk.DiskFullError
        yield

    monkeypatch.setattr(inbox.database, "transaction", full)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(keep, inbox, jpeg_object(instance=number)) for number in range(4)]
        assert all(isinstance(each.exception(), disk.DiskFullError) for each in tries)
    assert names(inbox.objects) == []


def keep(inbox: Inbox, made: Any) -> bool:
    uids = (made.SOPInstanceUID, made.StudyInstanceUID, made.SOPClassUID)
    return inbox.keep(Received(*uids, "MICROSCOPE"), as_file(made))


def test_no_patient_in_logs_and_file_names(
    config: Config, inbox: Inbox, start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "allclient")
    bad = jpeg_object(instance=2)
    bad["StudyInstanceUID"].value = PATIENT_ID
    start(config, inbox).send(jpeg_object(), bad)
    said = caplog.text + " ".join(names(inbox.folder))
    assert "kept" in said
    for secret in (PATIENT, "Xaveria", PATIENT_ID, ACCESSION, "19700203"):
        assert secret not in said


def test_a_crash_leaves_no_half_files(config: Config, inbox: Inbox) -> None:
    half = inbox.objects / "ab"
    half.mkdir()
    (half / "abcd.dcm.part").write_bytes(FIELDS[0].read_bytes()[:100])
    inbox.lock()
    assert names(inbox.objects) == []
    with pytest.raises(Exception, match="another gateway"):
        inboxes.Inbox(inbox.folder).lock()
