"""Sends results until each is where it should be: retries, dead letters, Storage Commitment."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Final

import pydicom

from allclient.pacs import sender
from allclient.pacs.backoff import pause
from allclient.pacs.config import Config
from allclient.pacs.dicomweb import DicomWeb
from allclient.pacs.faults import place
from allclient.pacs.fhirserver import FhirServer
from allclient.pacs.inbox import Inbox
from allclient.pacs.mllp import Mllp
from allclient.pacs.sender import NotSentError
from allclient.pacs.uids import derived, key_of
from allclient.pacs.verdict import Verdict, verdict_of

_LOG: Final = logging.getLogger(__name__)

MAX_TRIES: Final = 30
"""Two hours at the longest pauses; then a dead letter."""

_BATCH: Final = 100

_OTHERS: Final = """
SELECT e.state, e.tries, other.rowid > this.rowid AS later
FROM exports e
JOIN reports other ON other.uid = e.report
JOIN reports this ON this.study = other.study AND this.uid != other.uid
WHERE e.target = ? AND this.uid = ?
"""
"""The other signed results of a study for the same target."""

COMMITMENT_WAIT: Final = 600.0
"""Seconds for an answer of Storage Commitment before it is asked again."""


class Exporter:
    """Sends what is due, once for each call of ``run``."""

    def __init__(self, config: Config, inbox: Inbox) -> None:
        self._config = config
        self._inbox = inbox
        self._senders: dict[str, Callable[[list[sqlite3.Row]], int]] = {}
        if config.export.peer is not None:
            self._senders["peer"] = self._to_peer
        if config.export.dicomweb is not None:
            web = DicomWeb(config.export)
            self._senders["dicomweb"] = lambda rows: self._in_turn(rows, web.store)
        if config.hl7 is not None:
            mllp = Mllp(config)
            self._senders["hl7"] = lambda rows: self._results(rows, mllp.send)
        if config.fhir is not None:
            fhir = FhirServer(config.fhir, config.node.ae_title)
            self._senders["fhir"] = lambda rows: self._results(rows, fhir.send)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Send what is due; return how many results were taken by their target."""
        sent = 0
        for target, send in self._senders.items():
            while not stopped() and (rows := self._due("waiting", target)):
                taken = send(rows)
                sent += taken
                if taken < len(rows):
                    break
        if self._config.export.storage_commitment:
            self._ask_commitment()
        return sent

    def _due(self, state: str, target: str) -> list[sqlite3.Row]:
        # The report first: pictures and pages explain it.
        return self._inbox.database.rows(
            "SELECT * FROM exports WHERE state = ? AND target = ? AND due <= ? "
            "ORDER BY kind != 'report', rowid LIMIT ?",
            state,
            target,
            time.time(),
            _BATCH,
        )

    def _to_peer(self, rows: list[sqlite3.Row]) -> int:
        peer = self._config.export.peer
        assert peer is not None
        sent = 0
        try:
            with sender.association(self._config, peer) as opened:
                for row in rows:
                    sent += self._try(row, lambda made: sender.store(opened, made))
                    if not opened.is_established:
                        break
        except NotSentError as error:
            for row in rows:
                self._failed(row, error)
        return sent

    def _in_turn(self, rows: list[sqlite3.Row], send: Callable[[pydicom.Dataset], None]) -> int:
        """Send up to the first failure; return how many were taken.

        A target that does not answer costs one wait, then the other targets have their turn; the
        next run goes on after what failed.
        """
        for done, row in enumerate(rows):
            if not self._try(row, send):
                return done
        return len(rows)

    def _results(self, rows: list[sqlite3.Row], send: Callable[[Verdict], None]) -> int:
        """Send signed results up to the first failure; return how many are done with.

        One that a later result of its study has overtaken is not sent: it would replace the later.
        """
        done = 0
        for row in rows:
            others = self._inbox.database.rows(_OTHERS, row["target"], row["report"])
            if any(other["later"] for other in others):
                self._set(
                    row, "replaced", "a later result of the study was signed", row["tries"], 0.0
                )
                done += 1
                continue
            amends = any(other["state"] == "sent" or other["tries"] for other in others)
            if not self._try(
                row,
                lambda made, amends=amends: send(verdict_of(made, amends=amends)),  # type: ignore[misc]
            ):
                break
            done += 1
        return done

    def _try(self, row: sqlite3.Row, send: Callable[[pydicom.Dataset], None]) -> bool:
        try:
            made = pydicom.dcmread(self._inbox.result_path(row["instance"]))
            send(made)
        except NotSentError as error:
            self._failed(row, error)
            return False
        except Exception as error:
            self._failed(row, NotSentError(place(error)))
            return False
        self._set(row, "sent", "", 0, 0.0)
        return True

    def _failed(self, row: sqlite3.Row, error: NotSentError) -> None:
        tries = row["tries"] + 1
        state = "dead" if tries >= MAX_TRIES else "waiting"
        _LOG.warning("%s not sent: %s", key_of(row["instance"])[:12], error)
        self._set(row, state, str(error), tries, time.time() + pause(tries))

    def _set(self, row: sqlite3.Row, state: str, reason: str, tries: int, due: float) -> None:
        with self._inbox.database.transaction() as connection:
            connection.execute(
                "UPDATE exports SET state = ?, reason = ?, tries = ?, due = ? "
                "WHERE instance = ? AND target = ?",
                (state, reason, tries, due, row["instance"], row["target"]),
            )

    def _ask_commitment(self) -> None:
        peer = self._config.export.peer
        rows = self._due("sent", "peer")
        if peer is None or not rows:
            return
        transaction = derived("commitment", *(row["instance"] for row in rows), str(time.time()))
        pairs = [(row["sop_class"], row["instance"]) for row in rows]
        # Before it is asked: the answer may come before the question has returned.
        for row in rows:
            self._set(row, "sent", "", row["tries"], time.time() + COMMITMENT_WAIT)
        try:
            with sender.association(self._config, peer) as opened:
                sender.request_commitment(opened, transaction, pairs)
        except NotSentError as error:
            _LOG.warning("storage commitment was not asked: %s", error)

    def committed(self, _: str, safe: list[str], failed: list[str]) -> None:
        """Take an answer of Storage Commitment: what is not safe is sent again."""
        with self._inbox.database.transaction() as connection:
            connection.executemany(
                "UPDATE exports SET state = 'committed' "
                "WHERE instance = ? AND target = 'peer' AND state = 'sent'",
                [(instance,) for instance in safe],
            )
            connection.executemany(
                "UPDATE exports SET state = 'waiting', tries = tries + 1, due = ?, "
                "reason = 'the archive did not commit to keep it' "
                "WHERE instance = ? AND target = 'peer' AND state = 'sent'",
                [(time.time() + pause(1), instance) for instance in failed],
            )
        _LOG.info("storage commitment: %d safe, %d not", len(safe), len(failed))
