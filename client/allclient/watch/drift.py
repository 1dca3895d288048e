"""Tells Prometheus how far answers are from a reference."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from allclient.contract import Subtype
from allclient.drift import Drift, Profile, compare, reference
from allclient.result import Result

LATEST: Final = 1000
"""Answers that are held against the reference."""

MAX_SITES: Final = 20
"""Sites with a label of their own: whoever sends objects chooses what they say."""

OTHER: Final = "other"
UNKNOWN: Final = "unknown"


def drift_metrics(name: str, about: str, drifts: Iterable[Drift]) -> Iterator[Metric]:
    """Yield the index of each quantity, and how many answers are behind it."""
    index = GaugeMetricFamily(
        name, f"Population stability index of {about} against the reference.", labels=["quantity"]
    )
    behind = GaugeMetricFamily(
        f"{name}_answers",
        f"Answers (for cell_size, cells) behind {name}.",
        labels=["quantity"],
    )
    for drift in drifts:
        index.add_metric([drift.quantity], drift.index)
        behind.add_metric([drift.quantity], drift.answers)
    yield index
    yield behind


def site_metrics(name: str, about: str, by_site: Mapping[str, Iterable[Drift]]) -> Iterator[Metric]:
    """Yield the same for each site; ``bounded`` keeps them few."""
    labels = ["site", "quantity"]
    index = GaugeMetricFamily(
        name, f"Population stability index of {about} of a site.", labels=labels
    )
    behind = GaugeMetricFamily(
        f"{name}_answers", f"Answers (for cell_size, cells) behind {name}.", labels=labels
    )
    for site, drifts in by_site.items():
        for drift in drifts:
            index.add_metric([site, drift.quantity], drift.index)
            behind.add_metric([site, drift.quantity], drift.answers)
    yield index
    yield behind


def bounded(by_site: Mapping[str, Profile]) -> dict[str, Profile]:
    """Return the sites with the most answers under their names, and all others as one.

    Fields whose site nobody said are ``unknown``.
    """
    shown: dict[str, Profile] = {}
    ordered = sorted(by_site.items(), key=lambda one: (-one[1].answers, one[0]))
    for place, (site, profile) in enumerate(ordered):
        name = (site or UNKNOWN) if place < MAX_SITES else OTHER
        shown.setdefault(name, profile.like()).join(profile)
    return shown


class _Kept(NamedTuple):
    subtype: Subtype
    review: bool
    ood_score: float
    cell_sizes: tuple[float, ...]


class LatestAnswers(Collector):
    """The latest answers of this process, against the release's reference."""

    def __init__(self) -> None:
        self._latest: deque[_Kept] = deque(maxlen=LATEST)

    def add(self, result: Result) -> None:
        """Count an answer, and forget the oldest one."""
        sizes = tuple(math.sqrt(cell.width * cell.height) for cell in result.cells or ())
        self._latest.append(_Kept(result.subtype, result.needs_review, result.ood_score, sizes))

    def profile(self) -> Profile:
        """Return the answers of this moment as a profile."""
        profile = reference().like()
        for one in self._latest.copy():
            profile.add(
                one.subtype,
                review=one.review,
                ood_score=one.ood_score,
                cell_sizes=one.cell_sizes,
            )
        return profile

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this moment."""
        drifts = compare(reference(), self.profile())
        yield from drift_metrics("allclient_client_drift", f"the latest {LATEST} answers", drifts)


class SiteAnswers(Collector):
    """The latest answers of each site that sends to this process, against the reference."""

    def __init__(self) -> None:
        self._sites: dict[str, LatestAnswers] = {}
        self._making = threading.Lock()

    def add(self, site: str, result: Result) -> None:
        """Count an answer of a site."""
        with self._making:
            latest = self._sites.setdefault(site, LatestAnswers())
        latest.add(result)

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this moment."""
        with self._making:
            sites = dict(self._sites)
        profiles = bounded({site: latest.profile() for site, latest in sites.items()})
        drifts = {site: compare(reference(), profile) for site, profile in profiles.items()}
        about = f"the latest {LATEST} answers"
        yield from site_metrics("allclient_client_drift_site", about, drifts)
