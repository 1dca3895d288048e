from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from allclient.pacs import config as configuration
from allclient.pacs import network
from allclient.pacs.checkpoint import keep_answers
from allclient.pacs.classes import STORED
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from allclient.pacs.receiver import Receiver
from tests.unit.client.kserve import KServe
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.steps import CELLS, Steps


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """The content of a configuration file that works."""
    return {
        "node": {"folder": str(tmp_path / "gateway"), "port": 0, "min_free_mb": 1},
        "peer": [
            {"ae_title": "MICROSCOPE", "host": "127.0.0.1"},
            {"ae_title": "ARCHIVE", "host": "127.0.0.1", "port": 4242},
        ],
        "export": {"peer": "ARCHIVE"},
    }


@pytest.fixture
def config(settings: dict[str, Any], tmp_path: Path) -> Config:
    return configuration.parse(settings, tmp_path)


@pytest.fixture
def inbox(config: Config) -> Iterator[Inbox]:
    made = Inbox(config.node.folder, min_free_mb=config.node.min_free_mb)
    yield made
    made.close()


@pytest.fixture
def archive() -> Iterator[Archive]:
    with closing(Archive()) as running:
        yield running


@pytest.fixture
def triton() -> Iterator[KServe]:
    with KServe(lambda _: CELLS) as server:
        yield server


@pytest.fixture
def steps(
    settings: dict[str, Any], inbox: Inbox, archive: Archive, triton: KServe, tmp_path: Path
) -> Iterator[Steps]:
    settings["peer"][1]["port"] = archive.port
    settings["export"]["cells"] = True
    made = Steps(configuration.parse(settings, tmp_path), inbox, triton)
    yield made
    made.client.close()


class Running:
    """A receiver that listens on a free port of 127.0.0.1."""

    def __init__(self, config: Config, inbox: Inbox) -> None:
        self.kept = threading.Semaphore(0)
        self.committed: list[tuple[str, list[str], list[str]]] = []
        self.receiver = Receiver(
            config,
            inbox,
            kept=self.kept.release,
            committed=lambda *answer: self.committed.append(answer),
        )
        self.receiver.start()

    def associate(
        self,
        title: str = "MICROSCOPE",
        called: str = "ALLCLIENT",
        syntaxes: Sequence[str] = (uid.ExplicitVRLittleEndian, uid.JPEGBaseline8Bit),
        **more: Any,
    ) -> Any:
        ae = AE(ae_title=title)
        ae.maximum_pdu_size = 0
        ae.add_requested_context("1.2.840.10008.1.1")
        for sop_class in (*STORED, uid.CTImageStorage):
            for syntax in syntaxes:
                ae.add_requested_context(sop_class, syntax)
        association = ae.associate(
            "127.0.0.1",
            self.receiver.port,
            ae_title=called,
            evt_handlers=[(evt.EVT_CONN_OPEN, network.send_at_once)],
            **more,
        )
        keep_answers(association)
        return association

    def send(self, *objects: Dataset) -> list[int]:
        association = self.associate()
        assert association.is_established
        try:
            return [association.send_c_store(made).Status for made in objects]
        finally:
            association.release()


@pytest.fixture
def start() -> Iterator[Callable[[Config, Inbox], Running]]:
    started: list[Running] = []

    def make(config: Config, inbox: Inbox) -> Running:
        started.append(Running(config, inbox))
        return started[-1]

    yield make
    for running in started:
        running.receiver.stop()
