"""Runs the gateway: it receives, reads, reports and sends, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from allclient.pacs.config import Config
from allclient.pacs.exporter import Exporter
from allclient.pacs.faults import place
from allclient.pacs.inbox import Inbox
from allclient.pacs.reader import Classifier, Reader
from allclient.pacs.receiver import Receiver
from allclient.pacs.reporter import Reporter
from allclient.pacs.retention import Retention
from allclient.watch.drift import SiteAnswers

_LOG: Final = logging.getLogger(__name__)

_STEP: Final = 1.0
"""Seconds between two looks for work that became due by time alone."""


class Gateway:
    """Runs from ``start`` to ``stop``; what it had begun goes on at the next start."""

    def __init__(self, config: Config, client: Classifier, version: str) -> None:
        self.inbox = Inbox.of(config)
        self.sites = SiteAnswers()
        self._stopping = threading.Event()
        self._work = threading.Condition()
        self._came = 0
        reader = Reader(
            self.inbox,
            client,
            in_flight=config.triton.in_flight,
            quiet_seconds=config.node.study_quiet_seconds,
            answered=self.sites.add,
        )
        reporter = Reporter(config, self.inbox, version)
        exporter = Exporter(config, self.inbox)
        retention = Retention(config, self.inbox)
        self.receiver = Receiver(config, self.inbox, kept=self._wake, committed=exporter.committed)
        self._steps: dict[str, Callable[[], Any]] = {
            "read": lambda: reader.run(self._stopping.is_set),
            "report": reporter.run,
            "export": lambda: exporter.run(self._stopping.is_set),
            "retention": retention.run,
        }
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all threads. Raises ConfigurationError if folder or address cannot be used."""
        self.inbox.lock()
        self.receiver.start()
        for name, step in self._steps.items():
            thread = threading.Thread(
                target=self._run, args=(step,), name=f"allclient-pacs-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Take no more, and finish what is in hand."""
        self.receiver.stop()
        self._stopping.set()
        self._wake()
        for thread in self._threads:
            thread.join()
        self.inbox.close()

    def _wake(self) -> None:
        with self._work:
            self._came += 1
            self._work.notify_all()

    def _run(self, step: Callable[[], Any]) -> None:
        while not self._stopping.is_set():
            before = self._came
            try:
                step()
            except Exception as error:
                _LOG.error("a step of the gateway failed (%s); it is tried again", place(error))
            with self._work:
                if self._came == before:
                    self._work.wait(_STEP)

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
