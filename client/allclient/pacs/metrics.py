"""Numbers of a gateway for Prometheus: its queue, what is stuck, and the room that is left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from allclient.pacs.inbox import Inbox
from allclient.pacs.letters import counts

_STATES: Final = {
    "objects": ("received", "read", "passed", "refused", "dead"),
    "reports": ("due", "built", "dead"),
    "exports": ("waiting", "sent", "committed", "replaced", "dead"),
}
"""Every state is told, also while nothing is in it: an alert needs a zero to compare with."""


class GatewayCollector(Collector):
    """Looks into the queue when somebody asks for the numbers."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this moment."""
        found = counts(self._inbox.database)
        queue = GaugeMetricFamily(
            "allclient_pacs_queue",
            "Work of the gateway by kind and state.",
            labels=["kind", "state"],
        )
        known = [(kind, state) for kind, states in _STATES.items() for state in states]
        for kind, state in dict.fromkeys([*known, *found]):
            queue.add_metric([kind, state], found.get((kind, state), 0))
        yield queue
        (row,) = self._inbox.database.rows(
            "SELECT min(came) AS came FROM objects WHERE state = 'received'"
        )
        waited = 0.0 if row["came"] is None else max(0.0, time.time() - row["came"])
        yield GaugeMetricFamily(
            "allclient_pacs_oldest_unread_seconds",
            "Seconds since the oldest object came that is not read yet.",
            value=waited,
        )
        volume = os.statvfs(self._inbox.folder)
        yield GaugeMetricFamily(
            "allclient_pacs_free_bytes",
            "Bytes that the gateway's folder has left.",
            value=volume.f_bavail * volume.f_frsize,
        )
