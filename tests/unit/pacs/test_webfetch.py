"""What a DICOMweb service sends is checked before it is queued; the real one is in tests/pacs."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import uid
from pydicom.dataset import Dataset

from allclient.pacs import webfetcher
from allclient.pacs.config import Config
from allclient.pacs.fetcher import Fetched
from allclient.pacs.inbox import Inbox
from allclient.pacs.sender import NotSentError
from allclient.pacs.uids import derived
from tests.unit.dicom.objects import ACCESSION, jpeg_object, rgb_object, root


class Service:
    """Has one study; ``made`` is what it answers for each instance."""

    def __init__(self, made: dict[str, Dataset | None]) -> None:
        self._made = made

    def studies(self, accession: str) -> list[str]:
        return [root(1)] if accession == ACCESSION else []

    def series(self, study: str) -> list[tuple[str, str]]:
        own = derived("pictures", study, "ALLCLIENT")
        return [("1.1", "GM"), ("1.2", "SR"), (own, "GM")]

    def instances(self, study: str, series: str) -> list[str]:
        assert series == "1.1"
        return list(self._made)

    def retrieve(self, study: str, series: str, instance: str) -> Dataset:
        if (made := self._made[instance]) is None:
            raise NotSentError("WADO: the service answered 404")
        return made


def test_only_what_was_asked_for_is_queued(
    config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = jpeg_object(1, instance=1), jpeg_object(1, instance=9)
    stray = jpeg_object(1, instance=3, study=2)
    scan = rgb_object(instance=4, sop_class=uid.CTImageStorage)
    answers: dict[str, Any] = {
        good.SOPInstanceUID: good,
        root(1) + ".2": other,
        stray.SOPInstanceUID: stray,
        scan.SOPInstanceUID: scan,
        root(1) + ".5": None,
        root(1) + ".6": Dataset(),
    }
    monkeypatch.setattr(webfetcher, "DicomWeb", lambda _: Service(answers))
    fetched = webfetcher.fetch(config, inbox, f" {ACCESSION} ")
    assert fetched == Fetched(series=1, came=1, failed=5)
    (row,) = inbox.database.rows("SELECT * FROM objects")
    assert (row["instance"], row["peer"]) == (good.SOPInstanceUID, "DICOMweb")
    assert webfetcher.fetch(config, inbox, "NONE") == Fetched(series=0, came=0, failed=0)


def test_a_full_disk_ends_it(config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    made = jpeg_object(1)
    service = Service({made.SOPInstanceUID: made})
    monkeypatch.setattr(webfetcher, "DicomWeb", lambda _: service)
    inbox._least_free = 2**60
    with pytest.raises(NotSentError, match="disk is full"):
        webfetcher.fetch(config, inbox, ACCESSION)
