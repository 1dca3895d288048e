"""A DICOM archive in the test's own process: stores what comes, or refuses when told to."""

from __future__ import annotations

import threading
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from allclient.pacs.sender import SENT


class Archive:
    def __init__(self) -> None:
        self.stored: list[Dataset] = []
        self.status = 0
        self._lock = threading.Lock()
        ae = AE(ae_title="ARCHIVE")
        ae.add_supported_context("1.2.840.10008.1.1")
        for sop_class in SENT:
            ae.add_supported_context(sop_class, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"])
        self._server: Any = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = int(self._server.server_address[1])

    def _store(self, event: Any) -> int:
        if self.status == 0:
            made = event.dataset
            made.file_meta = event.file_meta
            with self._lock:
                self.stored.append(made)
        return self.status

    def of(self, modality: str) -> list[Dataset]:
        with self._lock:
            return [made for made in self.stored if made.Modality == modality]

    def close(self) -> None:
        self._server.shutdown()
