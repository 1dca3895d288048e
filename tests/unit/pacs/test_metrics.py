"""The numbers of a gateway, while it works and while something is stuck."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from allclient.pacs.inbox import Inbox, Received
from allclient.pacs.metrics import GatewayCollector
from allclient.pacs.reader import Reader
from allclient.watch.drift import SiteAnswers
from tests.unit.dicom.objects import jpeg_object
from tests.unit.pacs.steps import Steps


def numbers(inbox: Inbox) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(GatewayCollector(inbox))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_each_sender_is_a_site_with_its_own_drift(steps: Steps) -> None:
    steps.keep(*(jpeg_object(1, instance=number) for number in (1, 2)))
    sites = SiteAnswers()
    Reader(steps.inbox, steps.client, in_flight=2, quiet_seconds=0, answered=sites.add).run()
    registry = CollectorRegistry()
    registry.register(sites)
    labels = {"site": "MICROSCOPE", "quantity": "review"}
    assert registry.get_sample_value("allclient_client_drift_site_answers", labels) == 2
    assert registry.get_sample_value("allclient_client_drift_site", labels) is not None


def test_every_state_is_told_and_what_waits_has_an_age(inbox: Inbox) -> None:
    empty = numbers(inbox)
    assert empty["allclient_pacs_queue", "objects", "dead"] == 0
    assert empty["allclient_pacs_queue", "exports", "waiting"] == 0
    assert empty["allclient_pacs_oldest_unread_seconds",] == 0
    assert empty["allclient_pacs_free_bytes",] > 0

    inbox.keep(Received("1.2.3", "1.2", "1.2.840", "MICROSCOPE"), b"object")
    inbox.keep(Received("1.2.4", "1.2", "1.2.840", "MICROSCOPE"), b"object")
    with inbox.database.transaction() as connection:
        connection.execute("UPDATE objects SET came = ?", (time.time() - 3600,))
        connection.execute("UPDATE objects SET state = 'dead' WHERE instance = '1.2.4'")
    found = numbers(inbox)
    assert found["allclient_pacs_queue", "objects", "received"] == 1
    assert found["allclient_pacs_queue", "objects", "dead"] == 1
    assert 3600 <= found["allclient_pacs_oldest_unread_seconds",] < 3700
    assert not any("MICROSCOPE" in str(key) or "1.2.4" in str(key) for key in found)
