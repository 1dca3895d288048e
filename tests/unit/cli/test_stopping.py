"""The first SIGTERM or SIGINT ends the command, whatever it waits for, and keeps what it has."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import environment, start
from tests.unit.cli.dead_mount import dead_mount
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe

WAIT = 120
"""Seconds until a test fails; what is tested waits for ever where it goes wrong."""

SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)


def began(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return start(*arguments, stderr=subprocess.PIPE, env=environment(), **options)


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[int, str]:
    """One signal, no more; exit code and what it said."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=WAIT)
    assert b"Traceback" not in errors
    assert b"Fatal" not in errors
    return process.returncode, errors.decode()


def waits_in(process: subprocess.Popen[bytes], call: str) -> None:
    """Return once a thread of the process waits in a system call of the kernel."""
    while process.poll() is None:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            try:
                if call in (task / "wchan").read_text():
                    return
            except OSError:
                continue  # it has just ended
        time.sleep(0.05)
    raise AssertionError("it ended by itself")


def is_full(pipe: int) -> None:
    """Return once whoever writes into the pipe has to wait for a reader."""
    deadline = time.monotonic() + WAIT
    while select.select([], [pipe], [], 0)[1]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)


@pytest.fixture
def fifo(folder: Path) -> Iterator[Path]:
    path = folder / "pipe.jpg"
    os.mkfifo(path)
    yield path
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_pipe_in_a_folder_is_told_and_the_others_are_classified(
    server: KServe, write: Any, allclient: Any, folder: Path, fifo: Path
) -> None:
    """No writer ever comes. In a list and for a pattern it is the same."""
    write(a="benign", z="pre")
    (folder / "list").write_bytes(b"a.jpg\npipe.jpg\nz.jpg\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.jpg")
        for paths, stdin in (["."], b""), (["*.jpg"], b""), (["-"], b"a.jpg\npipe.jpg\nz.jpg\n"):
            done = allclient("classify", *paths, "-f", "jsonl", stdin=stdin)
            assert done.code == 1
            rows = [json.loads(line) for line in done.out.splitlines()]
            errors = {Path(row["file"]).name: row["error"] for row in rows}
            assert errors["a.jpg"] is errors["z.jpg"] is None
            assert errors["pipe.jpg"] == {
                "code": "file_unreadable",
                "message": "is a pipe, not a regular file",
            }
            if paths != ["-"]:
                assert errors["s.jpg"]["message"] == "is a socket, not a regular file"


def test_bench_takes_no_pipe_of_a_folder(server: KServe, allclient: Any, fifo: Path) -> None:
    done = allclient("bench", ".", "--seconds", "0.1", "--warmup", "0")
    assert done.code == 1
    assert "is a pipe, not a regular file" in done.err


def test_pipe_named_on_the_command_line_is_read(server: KServe, folder: Path) -> None:
    """As the shell's <(...): an open pipe under /dev/fd, whose writer may have ended already."""
    reading, writing = os.pipe()
    os.write(writing, b"benign")
    process = start(
        "classify", f"/dev/fd/{reading}", "-f", "jsonl", stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=environment(), pass_fds=[reading],
    )  # fmt: skip
    os.close(reading)
    os.close(writing)
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert json.loads(out)["label"] == "benign"


def test_named_pipe_waits_for_its_writer(server: KServe, fifo: Path) -> None:
    process = start(
        "classify", fifo.name, "-f", "jsonl", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    fifo.write_bytes(b"benign")
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert json.loads(out)["file"] == "pipe.jpg"


@SIGNALS
def test_while_a_file_is_read_that_never_comes(
    server: KServe,
    write: Any,
    folder: Path,
    fifo: Path,
    release: threading.Event,
    number: int,
    code: int,
) -> None:
    """The file comes first, so every row waits for it; those that are finished are kept."""
    asked = threading.Event()

    def respond(image: bytes) -> Any:
        if image == b"last":
            asked.set()
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    *files, last = write(a="benign", b="benign", c="last")
    # One of the two waits for the file, so the last is sent once both others are finished.
    process = began("classify", fifo.name, *files, last, "-o", "o.jsonl", "--in-flight", "2")
    assert asked.wait(WAIT)
    found, said = ended(process, number)
    assert found == code
    assert "2 classified" in said
    assert "o.jsonl.partial; --resume goes on from there" in said
    rows = (folder / "o.jsonl.partial").read_text().splitlines()
    assert [json.loads(row)["file"] for row in rows] == files


@SIGNALS
def test_while_nothing_is_on_the_list_yet(server: KServe, number: int, code: int) -> None:
    process = began("classify", "-", stdin=subprocess.PIPE)
    waits_in(process, "pipe")
    assert ended(process, number)[0] == code


@SIGNALS
def test_while_a_folder_does_not_answer(
    server: KServe, folder: Path, number: int, code: int
) -> None:
    """As the first thing that is searched."""
    share = folder / "share"
    share.mkdir()
    with dead_mount(share):
        process = began("classify", "share")
        waits_in(process, "fuse")
        assert ended(process, number)[0] == code


@SIGNALS
def test_while_a_folder_does_not_answer_that_comes_later(
    server: KServe, write: Any, folder: Path, number: int, code: int
) -> None:
    share = folder / "share"
    share.mkdir()
    with dead_mount(share):
        process = began("classify", *write(a="benign"), "share", "-f", "jsonl", "-o", "o.jsonl")
        waits_in(process, "fuse")
        while not (partial := folder / "o.jsonl.partial").exists() or not partial.read_bytes():
            time.sleep(0.05)
        found, said = ended(process, number)
    assert found == code
    assert "1 classified" in said
    assert partial.read_text().count("a.jpg") == 1


@SIGNALS
def test_while_the_outputs_folder_does_not_answer(
    server: KServe, write: Any, folder: Path, number: int, code: int
) -> None:
    share = folder / "share"
    share.mkdir()
    with dead_mount(share):
        process = began("classify", *write(a="benign"), "-o", "share/o.csv")
        waits_in(process, "fuse")
        assert ended(process, number)[0] == code


@SIGNALS
@pytest.mark.parametrize("command", ["classify", "health", "bench"])
def test_while_the_server_does_not_answer(
    write: Any, folder: Path, command: str, number: int, code: int
) -> None:
    """It takes connections and says nothing."""
    (image,) = write(a="benign")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        images = [] if command == "health" else [image]
        process = began(command, *images, "--server", address, stdout=subprocess.DEVNULL)
        silent.accept()
        found = ended(process, number)[0]
    # The system's own end by SIGTERM does where there is nothing to keep.
    assert found == code or (found, command) in {(-15, "health"), (-15, "bench")}


@SIGNALS
@pytest.mark.parametrize("errors", ["apart", "in the same pipe"])
def test_while_nobody_reads_the_results(
    server: KServe, write: Any, folder: Path, errors: str, number: int, code: int
) -> None:
    """The pipe is full, as that of a pager which waits for its reader."""
    files = write(**{f"f{n:03d}": "torn" for n in range(300)})
    reading, writing = os.pipe()
    process = start(
        "classify", *files, "-f", "jsonl", stdout=writing, env=environment(),
        stderr=writing if errors == "in the same pipe" else subprocess.DEVNULL,
    )  # fmt: skip
    is_full(writing)
    process.send_signal(number)
    assert process.wait(WAIT) == code
    os.close(writing)
    os.close(reading)


@SIGNALS
def test_a_second_signal_ends_at_once(
    server: KServe, write: Any, release: threading.Event, number: int, code: int
) -> None:
    """While the first one waits for a reader of the results."""
    files = write(**{f"f{n:03d}": "torn" for n in range(300)})
    reading, writing = os.pipe()
    process = start(
        "classify", *files, "-f", "jsonl", stdout=writing, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    is_full(writing)
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(WAIT) == code
    os.close(writing)
    os.close(reading)
