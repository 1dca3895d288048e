"""Tells Prometheus how far answers are from a reference."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from allclient.contract import Subtype
from allclient.drift import Drift, compare, reference
from allclient.result import Result

LATEST: Final = 1000
"""Answers that are held against the reference."""


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

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this moment."""
        profile = reference().like()
        for one in self._latest.copy():
            profile.add(
                one.subtype,
                review=one.review,
                ood_score=one.ood_score,
                cell_sizes=one.cell_sizes,
            )
        drifts = compare(reference(), profile)
        yield from drift_metrics("allclient_client_drift", f"the latest {LATEST} answers", drifts)
