"""The gateway's steps, called by a test instead of by threads."""

from __future__ import annotations

import dataclasses
from typing import Any

from allclient import Client
from allclient.pacs import letters
from allclient.pacs.config import Config
from allclient.pacs.exporter import Exporter
from allclient.pacs.inbox import Inbox
from allclient.pacs.reader import Reader
from allclient.pacs.received import Received
from allclient.pacs.reporter import Reporter
from tests.unit.client.kserve import MALIGNANT_ANSWER, TWO_CELLS, KServe
from tests.unit.dicom.objects import as_file

CELLS = dataclasses.replace(MALIGNANT_ANSWER, cells=TWO_CELLS)


class Steps:
    """The gateway's steps, called by the test instead of by threads."""

    def __init__(self, config: Config, inbox: Inbox, server: KServe) -> None:
        self.config = config
        self.inbox = inbox
        self.client = Client(server.address)
        self.reader = Reader(inbox, self.client, in_flight=4, quiet_seconds=60.0)
        self.reporter = Reporter(config, inbox, "1.2.3")
        self.reporter._begun = 0.0
        self.exporter = Exporter(config, inbox)

    def keep(self, *objects: Any) -> None:
        for made in objects:
            received = Received(
                made.SOPInstanceUID, made.StudyInstanceUID, made.SOPClassUID, "MICROSCOPE"
            )
            self.inbox.keep(received, as_file(made))

    def make_due(self) -> None:
        """Let all pauses be over, and every study quiet."""
        with self.inbox.database.transaction() as connection:
            for table in ("objects", "reports", "exports"):
                connection.execute(f"UPDATE {table} SET due = 0")
            connection.execute("UPDATE objects SET came = 0")

    def run(self) -> None:
        self.make_due()
        self.reader.run()
        self.make_due()
        self.reporter.run()
        self.exporter.run()

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        return letters.counts(self.inbox.database)
