"""A small OpenTelemetry collector: OTLP over HTTP on 127.0.0.1, as protobuf and as JSON."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace: str
    id: str
    parent: str
    milliseconds: float
    attributes: dict[str, Any]


class Collector:
    """Keeps the spans that programs send to ``url``."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []
        self._came = threading.Condition()
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kind = self.headers["content-type"]
                keep(kind, body)  # before the answer, after which the sender may end
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, names: set[str], seconds: float = 120.0) -> list[Span]:
        """Return all spans once those of these names have come."""
        with self._came:
            assert self._came.wait_for(
                lambda: names <= {span.name for span in self.spans}, seconds
            ), [span.name for span in self.spans]
            return list(self.spans)

    def whole_trace(self, names: Iterable[str], seconds: float) -> list[Span]:
        """Return the spans of a trace that has each of these names, as often as it is given.

        None are returned if none comes in time.
        """
        wanted = Counter(names)

        def found() -> list[Span]:
            traces = {span.trace for span in self.spans}
            each = [[one for one in self.spans if one.trace == trace] for trace in traces]
            return next((all_ for all_ in each if wanted <= Counter(s.name for s in all_)), [])

        with self._came:
            self._came.wait_for(found, seconds)
            return found()

    def _keep(self, kind: str, body: bytes) -> None:
        with self._came:
            self.bodies.append(body)
            self.spans += spans(json.loads(body) if "json" in kind else from_protobuf(body))
            self._came.notify_all()


def from_protobuf(body: bytes) -> dict[str, Any]:
    """The same message as OTLP's JSON, where ids are in hexadecimal digits."""
    message = json_format.MessageToDict(ExportTraceServiceRequest.FromString(body))
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    span[name] = base64.b64decode(span.get(name, "")).hex()
    return message


def spans(message: dict[str, Any]) -> list[Span]:
    return [
        Span(
            service=plain(resource["resource"]["attributes"])["service.name"],
            name=span["name"],
            trace=span["traceId"],
            id=span["spanId"],
            parent=span.get("parentSpanId", ""),
            milliseconds=(int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6,
            attributes=plain(span.get("attributes", [])),
        )
        for resource in message["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}
