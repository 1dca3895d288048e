"""A disk that is really full: a small tmpfs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread

from allclient.pacs import disk
from allclient.pacs.inbox import Inbox
from allclient.pacs.received import Received
from tests.disks import small_disk
from tests.unit.dicom.objects import as_file, jpeg_object


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", "1m") as folder:
        yield folder


def keep(inbox: Inbox, made: Any) -> bool:
    names = Received(made.SOPInstanceUID, made.StudyInstanceUID, made.SOPClassUID, "MICROSCOPE")
    return inbox.keep(names, as_file(made))


def test_what_does_not_fit_is_refused_whole_and_the_rest_stays_good(small: Path) -> None:
    inbox = Inbox(small / "gateway")
    inbox._least_free = -(2**40)  # the check of free room is not what is tested here
    kept, refused = [], 0
    for number in range(1, 80):
        made = jpeg_object(number % 12, instance=number)
        try:
            keep(inbox, made)
            kept.append(made.SOPInstanceUID)
        except disk.DiskFullError:
            refused += 1
    assert kept
    assert refused
    files = [path for path in inbox.objects.rglob("*") if path.is_file()]
    assert sorted(str(dcmread(path).SOPInstanceUID) for path in files) == sorted(kept)
    rows = inbox.database.rows("SELECT instance FROM objects")
    assert sorted(row["instance"] for row in rows) == sorted(kept)
    for path in files[:5]:  # room again
        path.unlink()
    assert keep(inbox, jpeg_object(0, instance=999))
