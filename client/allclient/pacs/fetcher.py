"""Fetches the images of a study by accession number: C-FIND, then C-MOVE to the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from allclient.errors import ConfigurationError
from allclient.pacs import sender
from allclient.pacs.config import Config, Peer
from allclient.pacs.sender import NotSentError
from allclient.pacs.uids import derived

MODALITIES: Final = ("GM", "SM", "XC", "OT")
"""Modalities of series with images; the rest of a study is left where it is."""

_SECONDS: Final = 600.0
"""For an answer: an archive may say nothing until all is sent."""

_PENDING: Final = (0xFF00, 0xFF01)
_WARNINGS: Final = range(0xB000, 0xC000)
_NO_DESTINATION: Final = 0xA801
_NOT_SENT: Final = 0xA702
"""Status of C-MOVE: the archive could send nothing; the counts say how much."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many series were asked for, and how many objects came or could not be sent."""

    series: int
    came: int
    failed: int


def fetch(config: Config, peer: Peer, accession: str) -> Fetched:
    """Let ``peer`` send the images with this accession number to the gateway, which has to run.

    Raises ConfigurationError for what is no accession number, and NotSentError.
    """
    number = checked(accession)
    contexts = [
        build_context(StudyRootQueryRetrieveInformationModelFind),
        build_context(StudyRootQueryRetrieveInformationModelMove),
    ]
    with sender.association(config, peer, contexts) as opened:
        opened.dimse_timeout = _SECONDS
        series = [
            pair
            for study in _studies(opened, number)
            for pair in _series(opened, study, config.node.ae_title)
        ]
        counts = [_move(opened, config.node.ae_title, *pair) for pair in series]
    came, failed = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return Fetched(len(series), came, failed)


def checked(accession: str) -> str:
    """Return an accession number. Raises ConfigurationError for what is none or matches more."""
    number = accession.strip()
    if not 1 <= len(number) <= 16 or set(number) & set("*?\\"):
        raise ConfigurationError("an accession number has 1 to 16 characters, none of * ? \\")
    return number


def _studies(opened: Association, accession: str) -> list[str]:
    """Return the studies; an archive that ignores the number answers with others, too."""
    found = _find(opened, "STUDY", AccessionNumber=accession, StudyInstanceUID="")
    return [
        str(item.StudyInstanceUID)
        for item in found
        if str(item.get("AccessionNumber", "")).strip() == accession
    ]


def _series(opened: Association, study: str, ae_title: str) -> list[tuple[str, str]]:
    """Return (study, series) of images, less the gateway's own pictures."""
    own = derived("pictures", study, ae_title)
    found = _find(opened, "SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality="")
    return [
        (study, str(item.SeriesInstanceUID))
        for item in found
        if item.get("Modality") in MODALITIES and item.SeriesInstanceUID != own
    ]


def _find(opened: Association, level: str, **keys: str) -> list[Dataset]:
    query = _query(level, **keys)
    model = StudyRootQueryRetrieveInformationModelFind
    found = []
    for status, item in _responses("C-FIND", lambda: opened.send_c_find(query, model)):
        if status.Status in _PENDING and item is not None:
            found.append(item)
    return found


def _move(opened: Association, ae_title: str, study: str, series: str) -> tuple[int, int]:
    query = _query("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
    model = StudyRootQueryRetrieveInformationModelMove
    last = Dataset()
    for status, _ in _responses("C-MOVE", lambda: opened.send_c_move(query, ae_title, model)):
        last = status
    came = sum(
        int(last.get(f"NumberOf{kind}Suboperations", 0)) for kind in ("Completed", "Warning")
    )
    failed = int(last.get("NumberOfFailedSuboperations", 0))
    return came, max(failed, 1) if last.Status == _NOT_SENT else failed


def _query(level: str, **keys: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(query, name, value)
    return query


def _responses(what: str, ask: Callable[[], Any]) -> Iterator[tuple[Dataset, Dataset | None]]:
    """Yield the answers up to the last. Raises NotSentError unless that is a success."""
    try:
        for status, item in ask():
            code = status.get("Status")
            if code == _NO_DESTINATION:
                raise NotSentError("C-MOVE: the peer does not know the gateway; enter it there")
            if code not in (0, _NOT_SENT, *_PENDING) and code not in _WARNINGS:
                said = "no answer" if code is None else f"status 0x{code:04X}"
                raise NotSentError(f"{what}: {said}")
            yield status, item
    except (ValueError, RuntimeError) as error:
        raise NotSentError(f"{what}: the peer does not offer it") from error
