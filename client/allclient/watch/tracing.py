"""Traces images from the client through every step of Triton, by OpenTelemetry over HTTP.

The server's own spans join those of here by the header ``traceparent``: start it with
``allclient serve --trace-to``, or with ``tritonserver --trace-config mode=opentelemetry``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, Status, StatusCode

from allclient.errors import AllclientError
from allclient.watching import Asked

_log = logging.getLogger(__name__)

_FLUSH_MS: Final = 5_000


class _Exporter(OTLPSpanExporter):
    """Counts the spans that could not be sent."""

    lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, as OpenTelemetry does."""
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result


class Tracing:
    """A watcher that makes a span of each image and step, and sends them to a collector.

    ``url`` is the collector's address for traces, such as ``http://127.0.0.1:4318/v1/traces``.
    """

    def __init__(self, url: str, service: str, version: str) -> None:
        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource)
        self._exporter = _Exporter(endpoint=url)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._url = url
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # ``close`` tells it once
        self._tracer = self._provider.get_tracer("allclient", version)

    @contextmanager
    def asking(self, asked: Asked) -> Iterator[None]:
        """Make a span of one image."""
        with self._span("ask", trace.SpanKind.CLIENT) as span:
            try:
                yield
            except AllclientError as error:
                # Its words may name a file.
                span.set_attribute("error.type", error.code)
                span.set_status(Status(StatusCode.ERROR))
                raise
            finally:
                span.set_attribute("allclient.failed_calls", asked.failed_calls)
                if asked.result is not None:
                    span.set_attribute("allclient.review", asked.result.needs_review)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Make a span of one step."""
        with self._span(name, trace.SpanKind.INTERNAL):
            yield

    def part_done(self, counts: Mapping[str, int], left: int) -> None:
        """Make no span: the parts are done on other machines."""

    def headers(self) -> dict[str, str]:
        """Return ``traceparent``, if there is a span."""
        carried: dict[str, str] = {}
        propagate.inject(carried)
        return carried

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()
        if self._exporter.lost:
            _log.warning(
                "%d spans could not be sent to %s; is a collector there?",
                self._exporter.lost,
                self._url,
            )

    def _span(self, name: str, kind: trace.SpanKind) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(
            name, kind=kind, record_exception=False, set_status_on_exception=False
        )
