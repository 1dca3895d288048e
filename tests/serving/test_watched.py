"""One field's trace through every step of a real Triton, and the metrics that alerts rely on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra watch is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")
pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

import httpx2 as httpx
from prometheus_client import CollectorRegistry, generate_latest

from allclient import Client
from allclient.contract import BACKBONES, ENSEMBLE
from allclient.local import LocalServer
from allclient.pacs.inbox import Inbox
from allclient.pacs.metrics import GatewayCollector
from allclient.store import Store, cases, fields
from allclient.watch.drift import SiteAnswers
from allclient.watch.metrics import ClientMetrics
from allclient.watch.tracing import Tracing
from allclient.watching import part_done, step, watched_by
from allclient.web.program import Program
from allclient.web.settings import Settings
from samples import render
from tests.collector import Collector, Span
from tests.unit.store.made import ANNA, accepted

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
_TRIES = 6
STEPS = {"preprocess", *(backbone.value for backbone in BACKBONES), "vote"}
FIELD = render.encoded(count=1, seed=1)[0]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[LocalServer]:
    with LocalServer(
        ROOT / "model_repository",
        model=ENSEMBLE,
        metrics_port=0,
        trace_to=collector.url,
        ready_timeout=250,
    ) as server:
        yield server


def test_a_field_is_traced_from_the_client_through_every_step(
    traced: LocalServer, collector: Collector
) -> None:
    whole = ["read a field", "ask", "InferRequest", ENSEMBLE, *STEPS, *["compute"] * len(STEPS)]
    tracing = Tracing(collector.url, "test-client", "1")
    with Client(traced.grpc_address) as client:
        client.classify(FIELD)  # nobody asks for its trace, so there is none
        for _ in range(_TRIES):  # on a busy machine Triton's exporter drops what it cannot send
            with watched_by(tracing), step("read a field"):
                client.classify(FIELD)
            if spans := collector.whole_trace(whole, seconds=30):
                break
    tracing.close()
    asked = {span.trace for span in collector.spans if span.name == "ask"}
    assert {span.trace for span in collector.spans} == asked
    by_id = {span.id: span for span in spans}

    def above(span: Span) -> list[str]:
        return [span.name, *(above(by_id[span.parent]) if span.parent in by_id else [])]

    steps = [span for span in spans if span.name in STEPS]
    assert {span.name for span in steps} == STEPS
    assert len(steps) == len(STEPS)
    for span in steps:
        assert above(span)[1:] == [ENSEMBLE, "InferRequest", "ask", "read a field"]
        assert span.service == "allclient-serve"
        assert span.milliseconds > 0
    computed = [span for span in spans if span.name == "compute"]
    assert {by_id[span.parent].name for span in computed} == STEPS


def test_alerts_and_dashboard_ask_for_metrics_and_labels_that_there_are(
    traced: LocalServer, tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    inbox = Inbox(tmp_path / "gateway")
    registry.register(GatewayCollector(inbox))
    sites = SiteAnswers()
    registry.register(sites)
    with watched_by(ClientMetrics(registry)), Client(traced.grpc_address) as client:
        result = client.classify(FIELD)
        part_done({"files": 1}, 0)
    sites.add("MICROSCOPE", result)
    store = Store(tmp_path / "data")
    with store.write() as session:
        case_id = cases.make(session, ANNA, "case").id
    assert fields.record_answer(store, accepted(store, case_id, FIELD).id, result)
    page = Program(store, Settings())
    page.app.state.metrics.requests.labels("GET", "/", "200").inc()
    page.app.state.metrics.seconds.labels("/").observe(0.1)
    scraped = [
        httpx.get(f"http://{traced.metrics_address}/metrics", trust_env=False).text,
        generate_latest(registry).decode(),
        page.app.state.metrics.text().decode(),
    ]
    store.close()
    inbox.close()
    labels: dict[str, set[str]] = {"up": {"job", "instance"}}
    for line in "\n".join(scraped).splitlines():
        if found := re.match(r"(\w+)(?:\{(.*)\})? ", line):  # as Prometheus keeps it
            labels.setdefault(found[1], {"job", "instance"})  # which Prometheus adds
            labels[found[1]].update(re.findall(r'(\w+)="', found[2] or ""))
    asked = expressions()
    names = {name for one in asked for name in re.findall(r"\b(?:nv|allclient)_\w+", one)}
    assert len(names) > 20
    assert names <= set(labels)
    matched = [found for one in asked for found in re.findall(r"(\w+)\{([^}]+)\}", one)]
    assert matched
    for name, matchers in matched:
        for label in re.findall(r"(\w+)[=!]", matchers):
            assert label in labels[name], (name, label)


def expressions() -> list[str]:
    import yaml

    (group,) = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    board = json.loads((MONITORING / "dashboard.json").read_text())
    return [
        *(rule["expr"] for rule in group["rules"]),
        *(target["expr"] for panel in board["panels"] for target in panel.get("targets", ())),
    ]
