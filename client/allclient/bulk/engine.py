"""Runs a plan: hands its parts to the workers of a cluster and says what came of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from allclient.bulk import cluster
from allclient.bulk.asking import Asking
from allclient.bulk.plan import CASES_FOLDER, Left, Plan
from allclient.bulk.schema import CASES, parquet, row_from
from allclient.bulk.worker import ReportingWorker, failure_of
from allclient.cases import CaseBy, Cases
from allclient.errors import LocalServerError
from allclient.report.rows import JSON_KEYS

_CPUS: Final = 1.0
"""Logical processors that Ray reserves for a worker."""

_CASE_COLUMNS: Final = list(JSON_KEYS)


def classify(
    plan: Plan,
    left: Left,
    asking: Asking,
    *,
    address: str | None,
    workers: int | None,
    begun: Callable[[int], object] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Classify the parts that are left; yield the counts of each as it is done, in any order.

    A worker has one part and asks for ``asking.in_flight`` images at once, so that what is at
    work is bounded however long the list. A part whose worker was lost, with its machine, is done
    again by another. ``begun`` is told the number of workers; without ``workers`` there is one on
    each machine.

    Raises:
        AllclientError: the first error that ended a part.
    """
    if not left.parts:
        return
    with cluster.connected(address) as ray:
        number = min(workers or _machines(ray), len(left.parts))
        begun(number)
        yield from run_parts(ray, plan, left, asking, number)


def run_parts(
    ray: Any, plan: Plan, left: Left, asking: Asking, workers: int
) -> Iterator[dict[str, Any]]:
    """Do as ``classify`` on a cluster that is connected already."""
    results = _dataset(plan, left.parts, asking, workers)
    try:
        for row in results.iter_rows():
            if (failure := failure_of(row)) is not None:
                raise failure
            yield dict(row)
    except ray.exceptions.RayError as error:
        raise LocalServerError(f"a worker of the cluster ended: {error}") from error


def write_cases(plan: Plan, by: CaseBy) -> int:
    """Write the table of cases of a run that is complete; return how many there are."""
    cases = Cases(by)
    for values in plan.rows(_CASE_COLUMNS):
        cases.add(row_from(values))
    rows = [case.as_json() for case in cases.cases()]
    plan.place.write(f"{CASES_FOLDER}/cases.parquet", parquet(rows, CASES))
    return len(rows)


def _machines(ray: Any) -> int:
    return sum(node["Alive"] and node["Resources"].get("CPU", 0) >= _CPUS for node in ray.nodes())


def _dataset(plan: Plan, parts: Iterable[int], asking: Asking, number: int) -> Any:
    from ray import data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its errors are raised as well
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A lost machine takes its workers along; they and their parts start again elsewhere.
    rows = [{"part": part} for part in parts]
    return data.from_items(rows, override_num_blocks=len(rows)).map(
        ReportingWorker,  # type: ignore[arg-type]  # a class of callables; Ray's types know functions alone
        fn_constructor_args=(plan.place.url, asking),
        compute=data.ActorPoolStrategy(size=number, max_tasks_in_flight_per_actor=1),
        num_cpus=_CPUS,
    )
