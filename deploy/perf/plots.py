"""Draws the curves of the bench as pictures, from the JSON, so that they can be drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"ensemble": "#1f5fa8", "cascade": "#c2571a"}


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Draw in-flight.svg and cores.svg, if the part curve was measured; return what was written."""
    curve = report["parts"].get("curve")
    if not curve:
        return []
    import matplotlib

    matplotlib.use("svg")
    # Names of parts in the file depend on chance and date otherwise.
    matplotlib.rcParams["svg.hashsalt"] = "allclient"
    from matplotlib import pyplot

    figure, (rate, wait) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, rows in curve["in_flight"].items():
        numbers = [row["concurrency"] for row in rows]
        colour = COLOURS[name]
        rate.plot(numbers, [r["images_per_second"] for r in rows], "o-", color=colour, label=name)
        wait.plot(numbers, [r["p50_ms"] for r in rows], "o-", color=colour, label=f"{name}, p50")
        wait.plot(numbers, [r["p99_ms"] for r in rows], "o:", color=colour, label=f"{name}, p99")
    for axis in (rate, wait):
        axis.set_xscale("log", base=2)
        axis.set_xticks(numbers, [str(number) for number in numbers])
        axis.set_xlabel("requests in flight")
    wait.set_yscale("log")
    rate.set_ylabel("images a second")
    wait.set_ylabel("milliseconds to the answer")
    written = [_save(figure, (rate, wait), folder / "in-flight.svg")]
    figure, axis = pyplot.subplots(figsize=(5, 4), layout="constrained")
    for name, rows in curve["cores"].items():
        cores = [row["cores"] for row in rows]
        rates = [row["images_per_second"] for row in rows]
        axis.plot(cores, rates, "o-", color=COLOURS[name], label=name)
    axis.locator_params(axis="x", integer=True)
    axis.set_xlabel("cores of the server, 32 requests in flight")
    axis.set_ylabel("images a second")
    return [*written, _save(figure, (axis,), folder / "cores.svg")]


def _save(figure: Any, axes: tuple[Any, ...], path: Path) -> Path:
    for axis in axes:
        axis.set_ylim(bottom=0 if axis.get_yscale() == "linear" else None)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, metadata={"Date": None})
    return path
