"""``allclient classify`` with an embedded server: one signal ends both, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from samples import render

WAIT = 120


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    render.folder(folder, count=2, seed=1)
    variables = {name: value for name, value in os.environ.items() if name != "ALLCLIENT_SERVER"}
    return subprocess.Popen(
        [sys.executable, "-m", "allclient", "classify", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
    )


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[int, str]:
    """The exit code and what was said; nothing of the server is left."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, errors = process.communicate(timeout=WAIT)
    _, alive = psutil.wait_procs(family, timeout=WAIT)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert b"Traceback" not in errors
    return process.returncode, errors.decode()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_while_the_server_starts(tmp_path: Path, number: int, code: int) -> None:
    process = started(tmp_path / "images")
    while not psutil.Process(process.pid).children():
        assert process.poll() is None
        time.sleep(0.02)
    assert ended(process, number)[0] == code


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_while_a_file_never_comes(tmp_path: Path, number: int, code: int) -> None:
    """A named pipe without a writer, after two files that are answered."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = started(tmp_path / "images", str(pipe), "-f", "jsonl")
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline().startswith(b'{"file": ')
    found, said = ended(process, number)
    assert found == code
    assert "2 classified" in said
