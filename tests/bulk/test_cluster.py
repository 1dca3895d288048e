"""A run over S3 on two machines: stopped once, resumed, and one machine is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from allclient.cli.group import run
from tests.bulk.conftest import BUCKET
from tests.unit.client.kserve import Answer, KServe, by_content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("pyarrow", reason="pyarrow is in the extra 'bulk'")
import pyarrow.parquet as pq

KINDS = (b"benign", b"cells", b"review", b"torn", b"")
CASES = 5
FIELDS = 48
FILES = CASES * FIELDS
PART = 10
WAIT = 300


def names() -> list[str]:
    return [f"case-{case}/{field:03d}.png" for case in range(CASES) for field in range(FIELDS)]


def content(index: int) -> bytes:
    kind = KINDS[index % len(KINDS)]
    return kind and b"%s %d" % (kind, index)


class Held(KServe):
    """Answers so many images, and the others from ``go_on`` on: so there is a middle."""

    def __init__(self, first: int) -> None:
        super().__init__(self._respond)
        self.go_on = threading.Event()
        self._first = first

    def _respond(self, image: bytes) -> Answer | dict[str, Any]:
        if self.asked > self._first:
            self.go_on.wait()
        return by_content(image)


@pytest.fixture
def held() -> Iterator[Held]:
    with Held(FILES // 2) as server:
        yield server
        server.go_on.set()


def begin(source: str, out: str, server: KServe) -> None:
    """Leave a run that has done its first part when it was stopped."""
    from allclient.bulk.asking import Asking
    from allclient.bulk.listing import find
    from allclient.bulk.places import Place
    from allclient.bulk.plan import Plan
    from allclient.bulk.worker import Worker
    from allclient.sources import Skipped

    skipped = Skipped()
    asked = {
        "paths": [source],
        "recursive": True,
        "model": "all_ensemble",
        "um_per_pixel": None,
        "case_by": "folder",
    }
    Plan(Place(out)).make(find([source], recursive=True, skipped=skipped), asked, PART)
    assert skipped.other_files == 1
    Worker(out, Asking("/", server.address))({"part": 0})


def until(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_file_has_one_row(
    s3: Any, cluster: Any, held: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, name in enumerate(names()):
        s3.pipe_file(f"{BUCKET}/in/{name}", content(index))
    s3.pipe_file(f"{BUCKET}/in/notes.txt", b"no image")
    source, out = f"s3://{BUCKET}/in/", f"s3://{BUCKET}/out"
    begin(source, out, held)

    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "allclient", "classify", source, "--recursive", "--resume"),
            *("--engine", "ray", "--address", cluster.address, "--server", held.address),
            *("--output", out, "--in-flight", "2", "--timeout", "300"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def parts() -> int:
        return len(s3.ls(f"{BUCKET}/out/fields"))

    until(lambda: parts() >= 3, process)
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    assert parts() < FILES // PART
    held.go_on.set()
    answered, said = process.communicate(timeout=WAIT)
    assert process.returncode == 1, said  # some files are torn
    assert answered == ""
    assert f"{PART * 3 // 5} classified by an earlier run" in said

    folder = tmp_path / "in"
    for index, name in enumerate(names()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(index))
    code = run(
        [
            "classify",
            str(folder),
            "-r",
            "--server",
            held.address,
            "-f",
            "jsonl",
            "--cells",
            str(tmp_path / "cells.jsonl"),
            "--case-by",
            "folder",
            "--cases",
            str(tmp_path / "cases.jsonl"),
        ]
    )
    assert code == 1
    plain = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    def url(path: str) -> str:
        return path.replace(str(folder), f"s3://{BUCKET}/in")

    rows = pq.read_table(f"{BUCKET}/out/fields", filesystem=s3).to_pylist()
    assert Counter(row["file"] for row in rows) == Counter(url(row["file"]) for row in plain)
    assert len(rows) == FILES
    columns = plain[0].keys()
    assert [{name: row[name] for name in columns} for row in rows] == [
        {**row, "file": url(row["file"])} for row in plain
    ]
    cells = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    nested = [
        (row["file"], number, cell["x"], cell["label"], cell["probabilities"]["pre_b"])
        for row in rows
        for number, cell in enumerate(row["cells"] or (), 1)
    ]
    assert nested == [
        (url(cell["file"]), cell["cell"], cell["x"], cell["label"], cell["probability_pre_b"])
        for cell in cells
    ]
    cases = pq.read_table(f"{BUCKET}/out/cases", filesystem=s3).to_pylist()
    wanted = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
    assert len(cases) == CASES
    for case, same in zip(cases, wanted, strict=True):
        assert case == {
            **same,
            "case": url(same["case"]),
            "look_first": [url(file) for file in same["look_first"]],
        }
