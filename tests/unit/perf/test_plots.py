"""The curves are drawn from the report alone, and the same report gives the same picture."""

from __future__ import annotations

from pathlib import Path

import plots

ROWS = [
    {"concurrency": number, "images_per_second": 20.0 + number, "p50_ms": 9.0, "p99_ms": 30.0}
    for number in (1, 8, 32)
]
CURVE = {
    "in_flight": {"ensemble": ROWS, "cascade": ROWS},
    "cores": {"ensemble": [{"cores": 1, **ROWS[0]}, {"cores": 2, **ROWS[1]}], "cascade": []},
}


def test_two_pictures_that_can_be_drawn_again(tmp_path: Path) -> None:
    report = {"parts": {"curve": CURVE}}
    written = plots.draw(report, tmp_path)
    assert [path.name for path in written] == ["in-flight.svg", "cores.svg"]
    before = [path.read_bytes() for path in written]
    assert all(b"<svg" in picture and b"images a second" in picture for picture in before)
    assert [path.read_bytes() for path in plots.draw(report, tmp_path)] == before


def test_no_curve_no_picture(tmp_path: Path) -> None:
    assert plots.draw({"parts": {}}, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
