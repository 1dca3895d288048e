"""Too few descriptors, threads or bytes of memory: a sentence, and never a crash or a hang."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allclient.errors import ConfigurationError, ImageRejectedError
from allclient.transport import codec, limits
from tests.unit.cli.conftest import environment
from tests.unit.client.kserve import KServe

WAIT = 120


def limited(limit: str, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["prlimit", limit, sys.executable, "-m", "allclient", *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=WAIT,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("descriptors", [64, 20, 12])
def test_few_descriptors_do(
    server: KServe, write: Callable[..., list[str]], descriptors: int
) -> None:
    write(**{f"f{n:03d}": "benign" for n in range(200)})
    code, out, _ = limited(f"--nofile={descriptors}", "classify", ".", "-f", "jsonl")
    assert code == 0
    assert len(out.splitlines()) == 200


def test_too_few_descriptors(server: KServe, write: Callable[..., list[str]]) -> None:
    """gRPC would end the process with SIGABRT."""
    code, out, said = limited("--nofile=6", "classify", *write(a="benign"), "-f", "jsonl")
    assert (code, out) == (2, "")
    assert said.splitlines()[-1].startswith("allclient: a connection needs 6 file descriptors")
    assert said.splitlines()[-1].endswith("Too many open files; raise the limit (ulimit -n)")


@pytest.mark.parametrize(
    ("megabytes", "reason"),
    [
        (1000, "there is not enough memory to read it"),
        (2500, "there is not enough memory to send its 419,430,400 bytes"),
    ],
)
def test_large_file_without_memory_is_named_and_the_others_are_classified(
    server: KServe, write: Callable[..., list[str]], folder: Path, megabytes: int, reason: str
) -> None:
    write(a="benign", c="pre")
    with (folder / "b.jpg").open("wb") as file:
        file.truncate(400 * 1024 * 1024)
    code, out, _ = limited(f"--as={megabytes * 1_000_000}", "classify", ".", "-f", "jsonl")
    assert code == 1
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert first["error"] is third["error"] is None
    assert second["error"] == {"code": "image_too_large", "message": reason}


def test_image_that_memory_cannot_hold_five_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, size: int) -> None:
        raise OSError(12, f"no {size}")

    monkeypatch.setattr(codec.mmap, "mmap", refuse)
    codec.encode(bytes(1000))
    with pytest.raises(ImageRejectedError, match="to send its 20,000,000 bytes") as caught:
        codec.encode(bytes(20_000_000))
    assert caught.value.code == "image_too_large"


def test_too_few_threads_for_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the process with SIGABRT; the threads of the check are gone afterwards."""
    real = threading.Thread.start

    def checks() -> int:
        return sum(thread.name == "allclient-check" for thread in threading.enumerate())

    def start(thread: threading.Thread) -> None:
        if checks() == 5:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(limits, "_checked", threading.Event())
    with pytest.raises(ConfigurationError, match="no thread can be started"):
        limits.check_limits()
    assert not limits.may_take_a_thread()
    assert checks() == 0


def test_call_for_which_grpc_gets_no_thread(
    server: KServe, write: Callable[..., list[str]], allclient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC forgets such a call, and would wait for it for ever when its channel is closed."""
    from grpc._cython import cygrpc

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(cygrpc.ForkManagedThread, "start", refuse)
    done = allclient("classify", *write(a="benign", b="benign"))
    assert done.code == 2
    assert "allclient: no thread can be started" in done.err.splitlines()[-1]
