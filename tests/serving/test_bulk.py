"""``--engine ray`` without a cluster and without a server: both are started here, and end."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from allclient.cli.group import run
from samples import render

if TYPE_CHECKING:
    from allclient.local import LocalServer

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is in the extra 'bulk'")

WAIT = 300
IMAGES = 64
PART = 4


def listening(processes: list[psutil.Process]) -> list[str]:
    """Addresses on which they listen."""
    found = []
    for process in processes:
        try:
            found += [
                one.laddr.ip
                for one in process.net_connections("tcp")
                if one.status == psutil.CONN_LISTEN
            ]
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.timeout(600)
def test_a_run_that_is_stopped_leaves_right_answers_and_no_process(
    server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec("ray") is None:
        pytest.skip("ray is in the extra 'bulk'")
    folder, out = tmp_path / "in", tmp_path / "out"
    render.folder(folder, count=IMAGES, seed=2)
    variables = {name: value for name, value in os.environ.items() if name != "ALLCLIENT_SERVER"}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "allclient", "classify", str(folder), "--engine", "ray"),
            *("--output", str(out), "--part-size", str(PART), "--in-flight", "2"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        text=True,
    )
    deadline = time.monotonic() + WAIT
    while len(list(out.glob("fields/*.parquet"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    addresses = listening(family)
    process.send_signal(signal.SIGTERM)
    answered, said = process.communicate(timeout=WAIT)
    assert (process.returncode, answered) == (143, ""), said
    assert f"what was finished is in {out}; --resume goes on from there" in said
    assert len(addresses) > 4  # Ray's and Triton's
    assert all(is_loopback(address) for address in addresses), addresses
    _, alive = psutil.wait_procs(family, timeout=WAIT)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []

    assert run(["classify", str(folder), "--server", server.grpc_address, "-f", "jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    plain = {row["file"]: row for row in map(json.loads, lines)}
    rows = pq.read_table(out / "fields").to_pylist()
    assert len(rows) >= 2 * PART
    assert len({row["file"] for row in rows}) == len(rows)
    for row in rows:
        same = plain[row["file"]]
        for name in ("label", "subtype", "votes", "review", "error"):
            assert row[name] == same[name]
        assert row["probabilities"] == pytest.approx(same["probabilities"], abs=1e-4)
        assert len(row["cells"]) == row["leukocytes"]


def is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
