"""What is counted and traced of images that clients ask about, and that nothing is by default."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra watch is not installed")

import click.testing
import httpx2 as httpx
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from allclient import Client
from allclient.cli.group import cli
from allclient.errors import ConfigurationError
from allclient.transport import Retry
from allclient.watch.metrics import ClientMetrics, served
from allclient.watch.tracing import Tracing
from allclient.watching import part_done, step, watched_by
from tests.collector import Collector
from tests.unit.client.kserve import KServe, by_content

SECRET = "Doe-Jane-1970"


def values(registry: CollectorRegistry) -> dict[str, float]:
    """Every number that is not zero, by name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_created", "_bucket", "_sum"))
        if not sample.name.startswith("allclient_client_drift")
    }


def test_images_are_counted_by_how_they_end(server: KServe, connect: Any) -> None:
    registry = CollectorRegistry()
    client = connect(server)
    client.classify(b"benign")  # nobody watches yet
    with watched_by(ClientMetrics(registry)):
        outcomes = list(client.classify_many([b"benign", b"review", b"torn", b"malignant"]))
    client.classify(b"benign")  # nor any more
    assert len(outcomes) == 4
    assert values(registry) == {
        "allclient_client_images_total ok": 3.0,
        "allclient_client_images_total image_truncated": 1.0,
        "allclient_client_failed_calls_total": 1.0,
        "allclient_client_seconds_count": 3.0,
        "allclient_client_answers_total benign false": 1.0,
        "allclient_client_answers_total pre_b true": 1.0,
        "allclient_client_answers_total pre_b false": 1.0,
        "allclient_client_reviews_total low_confidence": 1.0,
        "allclient_client_reviews_total first_page_only": 1.0,
        "allclient_client_ood_score_count": 3.0,
    }


def test_parts_of_a_run_over_many_machines_are_counted() -> None:
    registry = CollectorRegistry()
    with watched_by(ClientMetrics(registry)):
        assert not any("bulk" in name for name in values(registry))
        part_done({"files": 512, "failed": 2}, 1000)
        part_done({"files": 512, "failed": 0}, 488)
    found = {name: value for name, value in values(registry).items() if "bulk" in name}
    assert found == {
        "allclient_bulk_files_total files": 1024.0,
        "allclient_bulk_files_total failed": 2.0,
        "allclient_bulk_files_now left": 488.0,
    }


def test_the_latest_answers_are_held_against_the_reference(server: KServe) -> None:
    registry = CollectorRegistry()
    with watched_by(ClientMetrics(registry)), Client(server.address) as client:
        for outcome in client.classify_many([b"cells"] * 120, cells=True):
            outcome.unwrap()
    index, behind = (
        {
            quantity: registry.get_sample_value(name, {"quantity": quantity})
            for quantity in ("review", "subtype", "ood_score", "cell_size")
        }
        for name in ("allclient_client_drift", "allclient_client_drift_answers")
    )
    assert behind == {"review": 120, "subtype": 120, "ood_score": 120, "cell_size": 240}
    assert all(value is not None and value > 0.25 for value in index.values())  # all are alike


def test_failed_calls_of_an_image_that_is_answered_are_counted(
    server: KServe, connect: Any
) -> None:
    lost = threading.Semaphore(2)

    def respond(image: bytes) -> Any:
        if lost.acquire(blocking=False):
            return by_content(b"gone")
        return by_content(image)

    registry = CollectorRegistry()
    client = connect(server, retry=Retry(first_contact=60, first=0.01))
    server.respond = respond
    with watched_by(ClientMetrics(registry)):
        client.classify(b"benign")
    assert values(registry)["allclient_client_failed_calls_total"] == 2.0


def test_an_image_is_traced_and_its_server_told(server: KServe, connect: Any) -> None:
    client = connect(server)
    with Collector() as collector:
        tracing = Tracing(collector.url, "test-service", "1")
        with watched_by(tracing):
            client.classify(b"review")
            with pytest.raises(Exception, match="the JPEG ends"):
                client.classify(b"torn " + SECRET.encode())
        tracing.close()
        good, bad = collector.spans
    assert [(span.service, span.name) for span in (good, bad)] == [("test-service", "ask")] * 2
    assert good.attributes == {"allclient.failed_calls": "0", "allclient.review": True}
    assert bad.attributes == {"allclient.failed_calls": "1", "error.type": "image_truncated"}
    for span, headers in zip((good, bad), server.headers, strict=True):
        version, trace, parent, flags = headers["traceparent"].split("-")
        assert (version, trace, parent) == ("00", span.trace, span.id)
        assert int(flags, 16) & 1  # the server is to trace it as well
    assert SECRET.encode() not in b"".join(collector.bodies)


def test_a_step_of_a_program_is_above_the_images_asked_about_in_it(server: KServe) -> None:
    with Collector() as collector, Client(server.address) as client:
        tracing = Tracing(collector.url, "test-service", "1")
        with watched_by(tracing), step("read a field"):
            client.classify(b"benign")
        tracing.close()
        inner, outer = collector.spans
    assert (inner.name, outer.name, outer.parent) == ("ask", "read a field", "")
    assert (inner.trace, inner.parent) == (outer.trace, outer.id)


def test_nothing_is_sent_along_unless_asked_for(server: KServe, connect: Any) -> None:
    connect(server).classify(b"benign")
    assert "traceparent" not in server.headers[0]


def test_a_collector_that_is_away_costs_no_answer_and_is_told_once(
    server: KServe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1")  # seconds of tries, not 10
    tracing = Tracing("http://127.0.0.1:9/v1/traces", "test-service", "1")
    with watched_by(tracing), Client(server.address) as client:
        for _ in range(3):
            assert client.classify(b"benign").votes
    tracing.close()
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert message == (
        "3 spans could not be sent to http://127.0.0.1:9/v1/traces; is a collector there?"
    )


def test_prometheus_reads_what_is_served(server: KServe, connect: Any) -> None:
    with served("127.0.0.1", 0) as port:
        connect(server).classify(b"benign")
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        with (
            pytest.raises(ConfigurationError, match=rf"port {port} .* --metrics-port"),
            served("127.0.0.1", port),
        ):
            pass
    names = {family.name for family in text_string_to_metric_families(text)}
    assert "allclient_client_images" in names


def test_classify_is_watched_by_its_options(
    server: KServe, images: Callable[..., list[str]], tmp_path: Path
) -> None:
    (path,) = images("benign")
    named = tmp_path / f"{SECRET}.jpg"
    Path(path).rename(named)
    words = ["classify", str(named), "--server", server.address, "--metrics-port", "0"]
    with Collector() as collector:
        done = click.testing.CliRunner().invoke(cli, [*words, "--trace-to", collector.url])
        assert done.exit_code == 0, done.output
        assert "metrics: http://127.0.0.1:" in done.output
        (span,) = collector.wait_for({"ask"})
    assert span.service == "allclient-classify"
    assert SECRET.encode() not in b"".join(collector.bodies)
    refused = click.testing.CliRunner().invoke(cli, [*words, "--trace-to", "collector:4318"])
    assert refused.exit_code == 2
    assert "begins with no http" in refused.output
