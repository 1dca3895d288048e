"""Numbers for whoever runs the page: Prometheus metrics without names of anybody."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allclient.drift import Profile
from allclient.store import Store
from allclient.store.schema import Case, Field, File
from allclient.store.words import FieldState
from allclient.watch.metrics import ClientMetrics
from allclient.web.drift import DriftCollector
from allclient.web.worker import Worker

_log = logging.getLogger(__name__)

_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one page."""

    def __init__(self, store: Store, worker: Worker, reference: Profile) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "allclient_web_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "allclient_web_request_seconds",
            "Seconds until a request was answered, by route.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_StoreCollector(store, worker))
        self._registry.register(DriftCollector(store, reference))
        self.client = ClientMetrics(self._registry)
        """Watches what the worker asks, while the program works."""

    def text(self) -> bytes:
        """All numbers in the format that Prometheus reads."""
        return generate_latest(self._registry)


class _StoreCollector(Collector):
    """Asks the store when somebody asks for the numbers."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._store = store
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        with self._store.read() as session:
            states = session.execute(select(Field.state, func.count()).group_by(Field.state))
            by_state = {row[0]: row[1] for row in states}
            cases = session.scalar(select(func.count(Case.id))) or 0
            size = session.scalar(select(func.sum(File.size))) or 0
        fields = GaugeMetricFamily(
            "allclient_fields", "Fields in the store, by how far they are.", labels=["state"]
        )
        for state in FieldState:
            fields.add_metric([state.value], by_state.get(state.value, 0))
        yield fields
        yield GaugeMetricFamily("allclient_cases", "Cases in the store.", value=cases)
        yield GaugeMetricFamily("allclient_files_bytes", "Bytes of all images.", value=int(size))
        yield GaugeMetricFamily(
            "allclient_networks_ready",
            "1 where the backbones answered last, else 0.",
            value=int(self._worker.ready),
        )


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meter:
    """Counts and logs every request by its route, never by its address: that may name a file."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status, seconds = 500, None
        # Anybody may send any word as a method.
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def send_seen(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - begun
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.seconds.labels(route).observe(seconds)
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(method, route, str(status)).inc()
            milliseconds = None if seconds is None else round(1000 * seconds, 1)
            fields = {"method": method, "route": route, "status": status, "ms": milliseconds}
            _log.info("request", extra={"fields": fields})
