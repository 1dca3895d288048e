"""The command as a process: terminals, pipes and signals."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import environment, start
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe

WAIT = 120


def on_terminal(*arguments: str, columns: int, **redirect: Any) -> tuple[int, str]:
    """Run on a terminal of that many columns; exit code and what it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs, **redirect}
    process = start(*arguments, env=environment(), **streams)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    return process.wait(WAIT), shown.decode()


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_on_a_terminal(server: KServe, write: Callable[..., list[str]]) -> None:
    code, shown = on_terminal(
        "classify", *write(a="benign", b="torn", c="review", d="pre"), columns=200
    )
    assert code == 1
    plain = without_colour(shown)
    assert "EARLY_PRE_B" in plain
    assert re.search(r"benign +benign +0\.940 .* a\.jpg", plain)
    assert "classifying" in plain
    assert "0/4" in plain or "4/4" in plain or "/4" in plain
    assert plain.count("image_truncated") == 1  # the row says it, a second line would repeat it
    assert "several pages; only the first was read" in plain
    assert "\x1b[32m" in shown  # benign in green
    assert "3 classified: 2 malignant, 1 benign" in plain


def test_narrow_terminal_gets_a_compact_table_and_is_told(
    server: KServe, write: Callable[..., list[str]]
) -> None:
    code, shown = on_terminal("classify", *write(a="benign"), columns=80)
    assert code == 0
    plain = without_colour(shown)
    assert "EARLY_PRE_B" not in plain
    assert "narrow window: --format csv or jsonl" in plain


def test_results_in_a_pipe_and_progress_on_a_terminal(
    server: KServe, write: Callable[..., list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        code, shown = on_terminal("classify", *write(a="benign", b="torn"), columns=80, stdout=file)
    assert code == 1
    assert out.read_text().startswith("LABEL ")
    assert "\x1b" not in out.read_text()
    assert "allclient: b.jpg: image_truncated" in without_colour(shown)


def test_broken_pipe_is_quiet(server: KServe, write: Callable[..., list[str]]) -> None:
    files = write(**{f"f{number:04d}": "benign" for number in range(300)})
    process = start(
        "classify", *files, "-f", "jsonl", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"file": "f0000.jpg"')
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(WAIT) == 141
    assert errors == b""
    assert server.asked < 300


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_stopped_keeps_what_was_finished(
    server: KServe,
    write: Callable[..., list[str]],
    folder: Path,
    release: threading.Event,
    number: int,
    code: int,
) -> None:
    """Image 2 never comes; 0, 1 and what came after it are kept, and a later run goes on."""
    files = write(**{f"f{n}": f"{n} x" for n in range(9)})
    arrived = threading.Semaphore(0)

    def respond(image: bytes) -> Any:
        arrived.release()
        if image in (b"2 x", b"5 x"):
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    arguments = ("classify", *files, "-o", "o.jsonl", "--in-flight", "2")
    process = start(*arguments, stderr=subprocess.PIPE, env=environment())
    for _ in range(6):
        assert arrived.acquire(timeout=WAIT)
    process.send_signal(number)
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == code
    assert b"Traceback" not in errors
    assert b"o.jsonl.partial; --resume goes on from there" in errors
    assert b"4 classified" in errors
    kept = (folder / "o.jsonl.partial").read_text()
    assert re.findall(r"f\d\.jpg", kept) == ["f0.jpg", "f1.jpg", "f3.jpg", "f4.jpg"]

    release.set()
    server.asked = 0
    assert (
        start(*arguments, "--resume", stderr=subprocess.DEVNULL, env=environment()).wait(WAIT) == 0
    )
    assert server.asked == 5
    assert len((folder / "o.jsonl").read_text().splitlines()) == 9


def test_killed_keeps_every_row_written(
    server: KServe, write: Callable[..., list[str]], folder: Path, release: threading.Event
) -> None:
    files = write(**{f"f{n}": f"{n} x" for n in range(5)})
    arrived = threading.Event()

    def respond(image: bytes) -> Any:
        if image == b"3 x":
            arrived.set()
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    arguments = ("classify", *files, "-o", "o.csv", "--in-flight", "1")
    process = start(*arguments, stderr=subprocess.DEVNULL, env=environment())
    assert arrived.wait(WAIT)
    process.kill()
    process.wait(WAIT)
    release.set()
    server.asked = 0
    assert (
        start(*arguments, "--resume", stderr=subprocess.DEVNULL, env=environment()).wait(WAIT) == 0
    )
    assert server.asked <= 3  # f2's row may not have been written yet when f3 arrived
    assert len((folder / "o.csv").read_text().splitlines()) == 6


def test_stop_while_the_list_is_silent(server: KServe, write: Callable[..., list[str]]) -> None:
    """A pipe that never ends, as from a folder being watched."""
    write(a="benign")
    process = start(
        "classify", "-", "-f", "jsonl", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a.jpg\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"file": "a.jpg"')  # though the list goes on
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert b"1 classified" in errors
    assert b"Fatal" not in errors
