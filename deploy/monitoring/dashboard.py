"""Builds the Grafana dashboard of allclient; ``dashboard.json`` is what it prints.

    python deploy/monitoring/dashboard.py > deploy/monitoring/dashboard.json

Import that file in Grafana and name your Prometheus as its data source.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
_ENSEMBLE: Final = 'model="all_ensemble"'


class Line(NamedTuple):
    """A query of a panel, and what its lines are called."""

    query: str
    legend: str


class Panel(NamedTuple):
    """One panel: title, unit as Grafana names it, and queries."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    about: str = ""


ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "Server": (
        Panel(
            "Images a second",
            "reqps",
            (
                Line(
                    f"sum by (instance) (rate(nv_inference_request_success{{{_ENSEMBLE}}}[1m]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Images without an answer, a second",
            "reqps",
            (
                Line(
                    "sum by (instance, reason) "
                    f"(rate(nv_inference_request_failure{{{_ENSEMBLE}}}[1m]))",
                    "{{instance}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Seconds an image takes",
            "s",
            (Line("allclient:triton_seconds:5m", "{{instance}}"),),
        ),
        Panel(
            "Seconds in the queue of each step",
            "s",
            (
                Line(
                    "sum by (model) (rate(nv_inference_queue_duration_us[1m])) / 1e6 "
                    "/ sum by (model) (rate(nv_inference_exec_count[1m]))",
                    "{{model}}",
                ),
            ),
            "The step whose queue grows is the one that is short.",
        ),
        Panel(
            "Images a batch",
            "none",
            (
                Line(
                    "sum by (model) (rate(nv_inference_count[1m])) "
                    "/ sum by (model) (rate(nv_inference_exec_count[1m]))",
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            "Processor and memory of the machine",
            "percentunit",
            (
                Line("nv_cpu_utilization", "processor {{instance}}"),
                Line("nv_cpu_memory_used_bytes / nv_cpu_memory_total_bytes", "memory {{instance}}"),
            ),
        ),
    ),
    "Web page and gateway": (
        Panel(
            "Fields by how far they are",
            "none",
            (Line("sum by (state) (allclient_fields)", "{{state}}"),),
        ),
        Panel(
            "Requests a second",
            "reqps",
            (Line("sum by (status) (rate(allclient_web_requests_total[1m]))", "{{status}}"),),
        ),
        Panel(
            "Seconds of a request, 95 of 100",
            "s",
            (
                Line(
                    "histogram_quantile(0.95, sum by (le, route) "
                    "(rate(allclient_web_request_seconds_bucket[5m])))",
                    "{{route}}",
                ),
            ),
        ),
        Panel(
            "Queue of the gateway",
            "none",
            (
                Line(
                    "sum by (kind, state) "
                    '(allclient_pacs_queue{state=~"received|due|waiting|dead"})',
                    "{{kind}} {{state}}",
                ),
            ),
        ),
        Panel(
            "Oldest object that is not read",
            "s",
            (Line("allclient_pacs_oldest_unread_seconds", "{{instance}}"),),
        ),
        Panel("Room of the gateway", "bytes", (Line("allclient_pacs_free_bytes", "{{instance}}"),)),
    ),
    "Clients": (
        Panel(
            "Images by how they end, a second",
            "reqps",
            (
                Line(
                    "sum by (job, outcome) (rate(allclient_client_images_total[1m]))",
                    "{{job}} {{outcome}}",
                ),
                Line(
                    "sum by (job) (rate(allclient_client_failed_calls_total[1m]))",
                    "{{job}} failed calls",
                ),
            ),
        ),
        Panel(
            "Files of runs over many machines, a second",
            "reqps",
            (Line("sum by (what) (rate(allclient_bulk_files_total[1m]))", "{{what}}"),),
        ),
        Panel(
            "Files of such runs that are left",
            "none",
            (Line("allclient_bulk_files_now", "{{instance}}"),),
        ),
        Panel(
            "Seconds to an answer, 95 of 100",
            "s",
            (
                Line(
                    "histogram_quantile(0.95, sum by (le, job) "
                    "(rate(allclient_client_seconds_bucket[5m])))",
                    "{{job}}",
                ),
            ),
        ),
        Panel(
            "Images in flight",
            "none",
            (Line("allclient_client_in_flight", "{{job}} {{instance}}"),),
        ),
    ),
    "Answers": (
        Panel(
            "Drift",
            "none",
            (
                Line("allclient_drift", "{{instance}} {{quantity}}"),
                Line("allclient_client_drift", "{{job}} {{instance}} {{quantity}}, latest"),
            ),
            "0: as the reference. From 0.1 look why; from 0.25 the alert comes.",
        ),
        Panel(
            "Drift by site",
            "none",
            (
                Line("allclient_drift_site", "{{site}} {{quantity}}"),
                Line("allclient_client_drift_site", "{{site}} {{quantity}}, latest"),
            ),
            "The twenty sites with the most answers; all others are one.",
        ),
        Panel(
            "Share of answers to review, over a day",
            "percentunit",
            (Line("allclient:review_share:1d", "{{job}} {{instance}}"),),
        ),
        Panel(
            "Review reasons an hour",
            "none",
            (Line("sum by (reason) (increase(allclient_client_reviews_total[1h]))", "{{reason}}"),),
        ),
        Panel(
            "Subtypes an hour",
            "none",
            (
                Line(
                    "sum by (subtype) (increase(allclient_client_answers_total[1h]))",
                    "{{subtype}}",
                ),
            ),
        ),
        Panel(
            "Unlike the known images, 9 of 10 are below",
            "none",
            (
                Line(
                    "histogram_quantile(0.9, sum by (le, job) "
                    "(rate(allclient_client_ood_score_bucket[1h])))",
                    "{{job}}",
                ),
            ),
        ),
    ),
}


def build() -> str:
    """Return the dashboard as JSON."""
    made = (
        board.Dashboard("allclient")
        .uid("allclient")
        .description("Servers, pages, gateways and clients of allclient, and drift of answers.")
        .tags(["allclient"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(board.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for title, panels in ROWS.items():
        made = made.with_row(board.Row(title))
        for panel in panels:
            made = made.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build())


def _panel(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.about)
        .unit(panel.unit)
        .min(0)
        .datasource(_SOURCE)
        .height(8)
        .span(8)
    )
    for line in panel.lines:
        made = made.with_target(
            prometheus.Dataquery().expr(line.query).legend_format(line.legend).datasource(_SOURCE)
        )
    return made


if __name__ == "__main__":
    print(build())
