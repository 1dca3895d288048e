"""Holds the store's latest answers against a reference: for the page and for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from allclient.drift import Drift, Profile, compare
from allclient.store import Store
from allclient.store.drift import Where, profiles, together
from allclient.watch.drift import bounded, drift_metrics, site_metrics

DAYS: Final = 7
"""Days of answers that are held against the reference as one."""

KEPT_FOR: Final = 300.0
"""Seconds that numbers for Prometheus are used again: they are counted from the whole store."""


@dataclass(frozen=True, slots=True)
class View:
    """The answers of some days, beside the reference."""

    reference: Profile
    whole: Profile
    drifts: list[Drift]
    by_site: dict[str, tuple[Profile, list[Drift]]]
    by_source: dict[str, tuple[Profile, list[Drift]]]
    by_day: dict[str, tuple[Profile, list[Drift]]]


def view(store: Store, reference: Profile, days: int, site: str | None = None) -> View:
    """Count the answers of the last days; with ``site`` all but ``by_site`` is of that site."""
    since = datetime.now(UTC) - timedelta(days=days)
    with store.read() as session:
        found = profiles(session, reference, since)
    by_site = _grouped(found, reference, "site")
    if site is not None:
        found = {where: profile for where, profile in found.items() if where.site == site}
    whole = together(list(found.values()), reference)
    return View(
        reference=reference,
        whole=whole,
        drifts=compare(reference, whole),
        by_site=by_site,
        by_source=_grouped(found, reference, "source"),
        by_day=dict(reversed(_grouped(found, reference, "day").items())),
    )


def _grouped(
    found: dict[Where, Profile], reference: Profile, by: str
) -> dict[str, tuple[Profile, list[Drift]]]:
    groups: dict[str, list[Profile]] = {}
    for where, profile in found.items():
        groups.setdefault(getattr(where, by), []).append(profile)
    joined = {name: together(groups[name], reference) for name in sorted(groups)}
    return {name: (profile, compare(reference, profile)) for name, profile in joined.items()}


class DriftCollector(Collector):
    """Tells Prometheus how far the last days' answers are from the reference; names nobody."""

    def __init__(self, store: Store, reference: Profile) -> None:
        self._store = store
        self._reference = reference
        self._counting = threading.Lock()
        self._whole: list[Drift] = []
        self._by_site: dict[str, list[Drift]] = {}
        self._at = -KEPT_FOR

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers, which are some minutes old at most."""
        with self._counting:
            if time.monotonic() - self._at >= KEPT_FOR:
                found = view(self._store, self._reference, DAYS)
                sites = bounded({site: profile for site, (profile, _) in found.by_site.items()})
                self._by_site = {
                    site: compare(self._reference, profile) for site, profile in sites.items()
                }
                self._whole = found.drifts
                self._at = time.monotonic()
            whole, by_site = self._whole, self._by_site
        about = f"the last {DAYS} days' answers"
        yield from drift_metrics("allclient_drift", about, whole)
        yield from site_metrics("allclient_drift_site", about, by_site)
