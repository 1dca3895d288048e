"""Classifies one part at a time: the actor that Ray Data starts on the machines of a cluster."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from allclient import errors, heap
from allclient.bulk.asking import Asking
from allclient.bulk.places import Place, is_url, remote
from allclient.bulk.plan import Plan, part_name
from allclient.bulk.schema import FIELDS, FIELDS_ALONE, parquet, values_of
from allclient.client import Client
from allclient.contract import Label
from allclient.dicom import slide_files
from allclient.errors import AllclientError, ServerUnavailableError
from allclient.result import Outcome, Source

if TYPE_CHECKING:
    from allclient.bulk.nodeserver import ServerHere


class Worker:
    """Keeps one client for as long as it works. Its server is remote, or that of its machine."""

    def __init__(self, url: str, asking: Asking) -> None:
        heap.limit()
        self._plan = Plan(Place(url))
        self._asking = asking
        self._client: Client | None = None
        self._address = ""
        self._here: ServerHere | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Classify what is left of a part, write it and return its counts."""
        part = int(row["part"])
        files = self._plan.files(part)
        rows = self._plan.answers(part, files)
        if rows is None:
            rows = [{"error": True} for _ in files]
        left = [index for index, row in enumerate(rows) if row["error"] is not None]
        if left:
            answered = self._classify_again([files[index] for index in left])
            for index, values in zip(left, answered, strict=True):
                rows[index] = values
            schema = FIELDS if self._asking.cells else FIELDS_ALONE
            self._plan.place.write(part_name(part), parquet(rows, schema))
        return {"part": part, **counts([rows[index] for index in left])}

    def _classify_again(self, files: list[str]) -> list[dict[str, Any]]:
        """Classify, and once more where the server of this machine was lost for good."""
        try:
            return self._classify(files)
        except ServerUnavailableError:
            if self._asking.server is not None:
                raise
            return self._classify(files)  # whose first step is to find the server again

    def _classify(self, files: list[str]) -> list[dict[str, Any]]:
        asking = self._asking
        client = self._connected()
        with client.classify_many(
            [self._source(file) for file in files],
            in_flight=asking.in_flight,
            cells=asking.cells,
            um_per_pixel=asking.um_per_pixel,
        ) as stream:
            return [
                values_of(Outcome(file, outcome.result, outcome.error))
                for file, outcome in zip(files, stream, strict=True)
            ]

    def _source(self, file: str) -> Source:
        if is_url(file):
            return remote(file)
        path = os.path.join(self._asking.folder, file)  # noqa: PTH118  keeps the spelling
        # The fields of slides are listed by their regions; a slide itself only where it failed.
        return slide_files.without_fields(path) if slide_files.is_slide(path) else path

    def _connected(self) -> Client:
        """Return a client of the server, which may have moved since the last part."""
        address = self._asking.server or self._address_here()
        if self._client is None or address != self._address:
            if self._client is not None:
                self._client.close()
            self._client, self._address = self._asking.client(address), address
        return self._client

    def _address_here(self) -> str:
        if self._here is None:
            from allclient.bulk.nodeserver import ServerHere

            self._here = ServerHere(self._asking)
        return self._here.address()


class ReportingWorker(Worker):
    """Returns an error as a row: Ray would hand on its words alone, and not what kind it is."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Classify as ``Worker`` does; ``failure`` is the error in JSON, or empty."""
        try:
            return {**super().__call__(row), "failure": ""}
        except AllclientError as error:
            told = [type(error).__name__, str(error), error.code]
            return {"part": int(row["part"]), **counts([]), "failure": json.dumps(told)}


def failure_of(row: dict[str, Any]) -> AllclientError | None:
    """Return the error that a row of a ``ReportingWorker`` tells, if any."""
    if not row["failure"]:
        return None
    name, message, code = json.loads(row["failure"])
    kind = getattr(errors, name, AllclientError)
    made: AllclientError = kind(message, code=code)
    return made


def counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return what a run's summary counts, of these rows."""
    labels = [row["label"] for row in rows]
    return {
        "files": len(rows),
        "malignant": labels.count(Label.MALIGNANT.value),
        "benign": labels.count(Label.BENIGN.value),
        "review": sum(bool(row["review"]) for row in rows),
        "failed": sum(row["error"] is not None for row in rows),
    }
