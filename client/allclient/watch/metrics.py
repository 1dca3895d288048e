"""Counts what clients ask and are answered, for Prometheus. No label names a file or a person."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.registry import Collector

from allclient.errors import AllclientError, ConfigurationError
from allclient.watch.drift import LatestAnswers
from allclient.watching import Asked, watched_by

_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SCORES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.5, 2.0)


class ClientMetrics:
    """A watcher that counts, in ``registry``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._images = Counter(
            "allclient_client_images",
            "Images asked about, by how it ended: ok or the code of an error.",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "allclient_client_seconds",
            "Seconds from the first call of an image to its answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._failed_calls = Counter(
            "allclient_client_failed_calls",
            "Calls that brought no answer, whether the image was tried again or not.",
            registry=registry,
        )
        self._in_flight = Gauge(
            "allclient_client_in_flight", "Images at the server now.", registry=registry
        )
        self._answers = Counter(
            "allclient_client_answers",
            "Answers by subtype, and by whether a person has to review.",
            ("subtype", "review"),
            registry=registry,
        )
        self._reviews = Counter(
            "allclient_client_reviews",
            "Answers that ask for a review, by reason; one answer may have several.",
            ("reason",),
            registry=registry,
        )
        self._scores = Histogram(
            "allclient_client_ood_score",
            "How unlike the known images the images are.",
            buckets=_SCORES,
            registry=registry,
        )
        self._files = Counter(
            "allclient_bulk_files",
            "Files of runs over many machines: malignant, benign, review, failed, all (files).",
            ("what",),
            registry=registry,
        )
        self._left = Gauge(
            "allclient_bulk_files_now",
            "Files of the run over many machines that are left.",
            ("state",),
            registry=registry,
        )
        self._latest = LatestAnswers()
        registry.register(self._latest)

    @contextmanager
    def asking(self, asked: Asked) -> Iterator[None]:
        """Count one image."""
        begun = time.perf_counter()
        outcome = "cancelled"
        try:
            with self._in_flight.track_inprogress():
                yield
            outcome = "ok"
        except AllclientError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            self._images.labels(outcome).inc()
            self._failed_calls.inc(asked.failed_calls)
            if asked.result is not None:
                self._seconds.observe(time.perf_counter() - begun)
                review = str(asked.result.needs_review).lower()
                self._answers.labels(asked.result.subtype.value, review).inc()
                self._scores.observe(asked.result.ood_score)
                self._latest.add(asked.result)
                for reason in asked.result.review:
                    self._reviews.labels(reason.value).inc()

    def step(self, name: str) -> nullcontext[None]:
        """Count no steps."""
        return nullcontext()

    def part_done(self, counts: Mapping[str, int], left: int) -> None:
        """Count the files of a part, and tell how many are left."""
        for what, number in counts.items():
            self._files.labels(what).inc(number)
        self._left.labels("left").set(left)

    def headers(self) -> dict[str, str]:
        """Send nothing along."""
        return {}


@contextmanager
def served(address: str, port: int, collectors: Iterable[Collector] = ()) -> Iterator[int]:
    """Watch what this process asks, and answer Prometheus on a port; yields the port.

    Raises:
        ConfigurationError: the port cannot be used.
    """
    registry = CollectorRegistry()
    metrics = ClientMetrics(registry)
    for collector in collectors:
        registry.register(collector)
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise ConfigurationError(
            f"metrics: port {port} on {address} cannot be used: {error.strerror}; "
            "name another with --metrics-port"
        ) from error
    try:
        with watched_by(metrics):
            yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
