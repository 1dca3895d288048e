"""Images are fetched by accession number, from an archive in this process to a real receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from allclient.cli.group import run
from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration
from allclient.pacs.config import Config
from allclient.pacs.fetcher import Fetched, fetch
from allclient.pacs.inbox import Inbox
from allclient.pacs.sender import NotSentError
from allclient.pacs.uids import derived
from tests.unit.dicom.objects import ACCESSION, rgb_object, root


class Shelf:
    """An archive that answers C-FIND and C-MOVE. ``careless`` ones ignore the number asked for."""

    def __init__(self, objects: list[Dataset]) -> None:
        self.objects = objects
        self.careless = False
        self.status = 0
        self.destination = 0
        ae = AE(ae_title="ARCHIVE")
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
        self._server: Any = ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[(evt.EVT_C_FIND, self._find), (evt.EVT_C_MOVE, self._move)],
        )
        self.port = int(self._server.server_address[1])

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        if self.status:
            yield self.status, None
            return
        level = "StudyInstanceUID" if query.QueryRetrieveLevel == "STUDY" else "SeriesInstanceUID"
        for made in {made[level].value: made for made in self.objects}.values():
            asked = [element for element in query if element.value and element.keyword in made]
            matches = all(made[element.keyword].value == element.value for element in asked)
            if matches or (self.careless and query.QueryRetrieveLevel == "STUDY"):
                answer = Dataset()
                answer.QueryRetrieveLevel = query.QueryRetrieveLevel
                for name in ("StudyInstanceUID", "SeriesInstanceUID", "Modality"):
                    setattr(answer, name, made[name].value)
                answer.AccessionNumber = made.AccessionNumber
                yield 0xFF00, answer

    def _move(self, event: Any) -> Iterator[Any]:
        if event.move_destination != "ALLCLIENT" or not self.destination:
            yield None, None
            return
        contexts = [build_context(uid.VLMicroscopicImageStorage, uid.ExplicitVRLittleEndian)]
        yield "127.0.0.1", self.destination, {"contexts": contexts}
        series = event.identifier.SeriesInstanceUID
        moved = [made for made in self.objects if made.SeriesInstanceUID == series]
        yield len(moved)
        for made in moved:
            yield 0xFF00, made

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None


def series(study: int, name: str, *instances: int, **values: Any) -> list[Dataset]:
    return [
        rgb_object(study=study, instance=number, SeriesInstanceUID=name, **values)
        for number in instances
    ]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    own = derived("pictures", root(1), "ALLCLIENT")
    made = Shelf(
        [
            *series(1, root(1) + ".100", 1, 2),
            *series(1, root(1) + ".101", 3),
            *series(1, root(1) + ".102", 4, Modality="SR"),
            *series(1, own, 5),
            *series(2, root(2) + ".100", 6, AccessionNumber="OTHER"),
        ]
    )
    yield made
    made.close()


@pytest.fixture
def ready(settings: dict[str, Any], shelf: Shelf, tmp_path: Path) -> Config:
    settings["peer"][1]["port"] = shelf.port
    return configuration.parse(settings, tmp_path)


def kept(inbox: Inbox) -> set[str]:
    return {row["instance"] for row in inbox.database.rows("SELECT instance FROM objects")}


@pytest.mark.parametrize("careless", [False, True])
def test_the_images_of_the_study_come_and_nothing_else(
    ready: Config, inbox: Inbox, start: Any, shelf: Shelf, careless: bool
) -> None:
    shelf.careless = careless
    shelf.destination = start(ready, inbox).receiver.port
    assert ready.export.peer is not None
    assert fetch(ready, ready.export.peer, ACCESSION) == Fetched(series=2, came=3, failed=0)
    assert kept(inbox) == {f"{root(1)}.{number}" for number in (1, 2, 3)}
    assert fetch(ready, ready.export.peer, "NONE") == Fetched(series=0, came=0, failed=0)


def test_what_the_gateway_refuses_is_counted(
    ready: Config, inbox: Inbox, start: Any, shelf: Shelf
) -> None:
    running = start(ready, inbox)
    shelf.destination = running.receiver.port
    running.receiver._inbox._least_free = 10**18
    assert ready.export.peer is not None
    assert fetch(ready, ready.export.peer, ACCESSION) == Fetched(series=2, came=0, failed=3)
    assert kept(inbox) == set()


def test_failures_are_said_without_the_number(ready: Config, shelf: Shelf) -> None:
    peer = ready.export.peer
    assert peer is not None
    with pytest.raises(NotSentError, match="does not know the gateway") as refused:
        fetch(ready, peer, ACCESSION)
    assert ACCESSION not in str(refused.value)
    shelf.status = 0xA700
    with pytest.raises(NotSentError, match="C-FIND: status 0xA700"):
        fetch(ready, peer, ACCESSION)
    shelf.close()
    with pytest.raises(NotSentError, match="does not answer"):
        fetch(ready, peer, ACCESSION)


@pytest.mark.parametrize("number", ["", " ", "*", "ACC?", "A\\B", "X" * 17])
def test_what_would_match_many_is_not_asked(ready: Config, number: str) -> None:
    assert ready.export.peer is not None
    with pytest.raises(ConfigurationError, match="1 to 16 characters"):
        fetch(ready, ready.export.peer, number)


def test_the_command(
    ready: Config,
    inbox: Inbox,
    start: Any,
    shelf: Shelf,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "pacs.toml"
    path.write_text(
        f"[node]\nfolder = {json.dumps(str(ready.node.folder))}\n[[peer]]\nae_title = 'ARCHIVE'\n"
        f"host = '127.0.0.1'\nport = {shelf.port}\n[export]\npeer = 'ARCHIVE'\n"
    )
    assert run(["pacs", "fetch", str(path), ACCESSION]) == 1
    assert "does not know the gateway" in capfd.readouterr().err
    shelf.destination = start(ready, inbox).receiver.port
    assert run(["pacs", "fetch", str(path), ACCESSION]) == 0
    assert "2 series, 3 objects came, 0 did not" in capfd.readouterr().out
    assert run(["pacs", "fetch", str(path), "NONE"]) == 1
    assert run(["pacs", "fetch", str(path), ACCESSION, "--from", "NOBODY"]) == 2
    assert run(["pacs", "fetch", str(path), ACCESSION, "--dicomweb"]) == 2
    assert "--dicomweb needs export.dicomweb" in capfd.readouterr().err
