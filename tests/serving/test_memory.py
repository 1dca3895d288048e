"""The server's memory after many large files, in a short form; deploy/perf/memory.py has the long.

Files of 8 to 15 MB, 8 in flight, 240 requests. Measured, in MB:

| | tritonserver's own memory | /dev/shm |
| --- | --- | --- |
| as it is | 145 | 118 |
| without the limits of heap.py | 245 | 115 |
| with Triton's own pool of requests | 285 | 133 |
| with batches of files | 100 | 200 |
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from allclient.local import LocalServer

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_many_large_files_leave_little_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "deploy" / "perf"), *sys.path])
    import memory
    import memory_files

    drawn = memory_files.draw(large=20)
    files = drawn._replace(large=[data for data in drawn.large if len(data) > 7_500_000])
    options = memory.parse(["--out", str(tmp_path / "memory.json")])
    options.requests, options.large_share, options.in_flight = 240, 0.9, 8
    options.samples, options.model = 8, "preprocess"
    with LocalServer(ROOT / "model_repository") as server:
        report = memory.measure(server, files, options)
    assert report["answers"]["answered"] > 200
    late = report["samples"][3:]
    own = statistics.median(
        pss - shared for pss, shared, _ in (one["processes"]["tritonserver"] for one in late)
    )
    assert own < 195
    assert late[-1]["dev_shm"] < 160
