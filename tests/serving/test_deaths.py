"""tritonserver dies, loses a process or hangs, and clients get every answer all the same."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image, PngImagePlugin

from allclient import AsyncClient, Client
from allclient.local import LocalServer, liveness, restarts, stubs
from samples import render
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "model_repository"

FILES = 240
DEATHS = (20, 80, 140)
"""Rows written when the server is killed."""

SOON, NEVER = 0.25, 3600.0
"""Seconds before a new start; how they grow by themselves is in tests/unit/local."""

READY = "the server is ready again"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return render.encoded(count=8, seed=5)


@pytest.fixture
def folder(tmp_path: Path, images: list[bytes]) -> Path:
    """Long enough to be interrupted three times."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:04d}.png").write_bytes(images[number % len(images)])
    return folder


def servers_under(pid: int) -> list[psutil.Process]:
    """The tritonservers that a process has started."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() == "tritonserver" and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def rows(output: Path) -> int:
    partial = output.with_name(output.name + ".partial")
    return partial.read_bytes().count(b"\n") if partial.exists() else 0


@contextmanager
def command(
    *arguments: str, pause: float | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """``allclient`` in a process of its own, ended with the block; signals as in a terminal.

    With ``pause`` a server that died is started again after so many seconds each time.
    """
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    if pause is not None:
        code += f"from allclient.local import restarts as r; r.FIRST_PAUSE = r.MAX_PAUSE = {pause};"
    code += "from allclient.cli import main; main(sys.argv[1:])"
    environment = {**os.environ, "ALLCLIENT_MODEL_REPOSITORY": str(MODELS)}
    environment.pop("ALLCLIENT_SERVER", None)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        text=True,
        start_new_session=True,
        env=environment,
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving(
    *arguments: str, pause: float | None = None
) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """``allclient serve``, once it is ready: process, address, and its words as they come."""
    arguments = ("serve", "--grpc-port", "0", *arguments)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with command(*arguments, pause=pause, **pipes) as process:
        words: list[str] = []

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                words.append(line.strip())

        threading.Thread(target=read, daemon=True).start()
        until(lambda: "Ctrl-C stops it." in words, f"readiness: {words}")
        (address,) = [line.split()[1] for line in words if line.startswith("gRPC ")]
        yield process, address, words


def until_it_works(
    run: subprocess.Popen[str], output: Path, enough: int, is_ready: Callable[[], bool]
) -> None:
    """Wait until more rows than ``enough`` were written, and the server is not just starting."""
    until(lambda: run.poll() is not None or (is_ready() and rows(output) > enough), "rows")


def check_each_once(output: Path, folder: Path) -> None:
    with output.open(newline="") as lines:
        found = list(csv.DictReader(lines))
    assert [row["file"] for row in found] == [str(path) for path in sorted(folder.iterdir())]
    assert [row["error_message"] for row in found if row["error_code"]] == []


def test_a_folder_run_lives_through_three_deaths_of_its_own_server(
    folder: Path, tmp_path: Path
) -> None:
    numbers = (signal.SIGSEGV, signal.SIGKILL, signal.SIGSEGV)
    output, said = tmp_path / "o.csv", tmp_path / "errors"
    arguments = ("classify", str(folder), "-o", str(output))
    with said.open("w") as file, command(*arguments, stderr=file) as run:
        for deaths, enough in enumerate(DEATHS):
            until_it_works(
                run, output, enough, lambda deaths=deaths: said.read_text().count(READY) == deaths
            )
            (server,) = servers_under(run.pid)
            server.send_signal(numbers[deaths])
        run.wait(PATIENCE)
    errors = said.read_text()
    assert run.returncode == 0, errors
    check_each_once(output, folder)
    died = re.findall(r"tritonserver was ended by (SIG\w+) .*starting it again", errors)
    assert died == [number.name for number in numbers]
    assert errors.count(READY) == 3
    for log in re.findall(r"\(log: (\S+)\)", errors):
        Path(log).unlink()


def test_clients_live_through_three_deaths_of_a_server_that_all_share(
    folder: Path, tmp_path: Path, images: list[bytes]
) -> None:
    """A folder run in order, the library unordered, and asyncio, at once."""
    output = tmp_path / "o.csv"
    source = [images[number % len(images)] for number in range(FILES)]
    found: dict[str, list[Any]] = {}

    def library(address: str) -> None:
        with Client(address) as client:
            found["library"] = list(client.classify_many(source, ordered=False))

    async def asynchronous(address: str) -> None:
        async with AsyncClient(address) as client:
            found["asyncio"] = [outcome async for outcome in client.classify_many(source)]

    with serving("--log-file", str(tmp_path / "log")) as (serve, address, words):
        threads = [
            threading.Thread(target=library, args=(address,)),
            threading.Thread(target=lambda: asyncio.run(asynchronous(address))),
        ]
        for thread in threads:
            thread.start()
        with command(
            "classify", str(folder), "-o", str(output), "--server", address, stderr=subprocess.PIPE
        ) as run:
            for deaths, enough in enumerate(DEATHS):
                until_it_works(
                    run,
                    output,
                    enough,
                    lambda deaths=deaths: sum(READY in line for line in words) == deaths,
                )
                (server,) = servers_under(serve.pid)
                server.kill()
            _, errors = run.communicate(timeout=PATIENCE)
        for thread in threads:
            thread.join(PATIENCE)
        assert run.returncode == 0, errors
        check_each_once(output, folder)
        assert [outcome.source for outcome in found["asyncio"]] == source
        assert sorted(outcome.source for outcome in found["library"]) == sorted(source)
        for outcomes in found.values():
            assert [outcome.error for outcome in outcomes if outcome.error] == []
        until(lambda: sum(READY in line for line in words) == 3, "the third word of it")
        # The same ports, one server, one log.
        with Client(address) as client:
            assert client.health().ok
        assert len(servers_under(serve.pid)) == 1
        assert (tmp_path / "log").read_text().count("Started GRPCInferenceService") == 4


def test_dying_again_and_again_ends_serve_and_its_clients(tmp_path: Path) -> None:
    stopping = threading.Event()

    def kill_all(pid: int) -> None:
        while not stopping.is_set():
            for server in servers_under(pid):
                with suppress(psutil.NoSuchProcess):
                    server.kill()
            time.sleep(0.2)

    with serving(pause=SOON) as (serve, address, words):
        killer = threading.Thread(target=kill_all, args=(serve.pid,))
        killer.start()
        try:
            assert serve.wait(PATIENCE) == 3
        finally:
            stopping.set()
            killer.join()
        until(lambda: "it is not started again" in words[-1], "last words")
    said = words[-1]
    assert f"tritonserver died {restarts.MAX_DEATHS} times in a row, each time within 60 s" in said
    assert "SIGKILL" in said
    for line in words:
        for log in re.findall(r"\(log: ([^)]+)\)", line):
            Path(log).unlink()
    with Client(address, timeout=5) as client, pytest.raises(Exception, match="no server answers"):
        client.health()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_pause_between_starts_at_once(number: signal.Signals) -> None:
    with serving(pause=NEVER) as (serve, _, words):
        (server,) = until(lambda: servers_under(serve.pid), "a server")
        server.kill()
        until(lambda: any("starting it again in 3600 s" in line for line in words), "a pause")
        serve.send_signal(number)
        assert serve.wait(PATIENCE) == 0
        until(lambda: words[-1] == "stopped", "last words")
        assert not any("ready again" in line for line in words)
    for line in words:
        for log in re.findall(r"\(log: ([^)]+)\)", line):
            Path(log).unlink()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_whose_server_is_away(
    folder: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    output, errors = tmp_path / "o.csv", tmp_path / "errors"
    arguments = ("classify", str(folder), "-o", str(output))
    with errors.open("w") as file, command(*arguments, pause=NEVER, stderr=file) as run:
        until(lambda: rows(output) > 5, "rows")
        (server,) = servers_under(run.pid)
        family = [run, *psutil.Process(run.pid).children(recursive=True)]
        server.kill()
        until(lambda: "starting it again" in errors.read_text(), "a pause")
        run.send_signal(number)
        assert run.wait(PATIENCE) == code
    said = errors.read_text()
    assert "ready again" not in said
    assert "--resume goes on from there" in said
    assert psutil.wait_procs(family[1:], timeout=PATIENCE)[1] == []
    for log in re.findall(r"\(log: ([^)]+)\)", said):
        Path(log).unlink()


def test_stopping_while_it_starts_again_leaves_nothing() -> None:
    said: list[str] = []
    server = LocalServer(MODELS, notify=said.append)
    server.start()
    try:
        first = server.pid
        os.kill(first, signal.SIGKILL)
        (again,) = until(
            lambda: [p for p in servers_under(os.getpid()) if p.pid == _pid(server) != first],
            "a new start",
        )
        family = [again, again.parent(), *again.children(recursive=True)]
        prefix = re.findall(r"shm-region-prefix-name=(\S+)", " ".join(again.cmdline()))[0]
        until(lambda: list(Path("/dev/shm").glob(f"{prefix}*")), "shared memory")
    finally:
        server.stop()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    assert list(Path("/dev/shm").glob(f"{prefix}*")) == []
    assert not Path(f"/tmp/{prefix.rstrip('-')}").exists()
    assert len(said) == 1
    assert server.failure is None
    Path(re.findall(r"\(log: ([^)]+)\)", said[0])[0]).unlink()


def _pid(server: LocalServer) -> int | None:
    with suppress(Exception):
        return server.pid
    return None


@pytest.mark.parametrize("what", ["stub dies", "stub hangs", "server hangs"])
def test_a_server_that_lives_and_does_not_work_is_noticed_and_healed(
    what: str, images: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "server hangs":  # else what waits for the process that hangs would be seen first
        monkeypatch.setattr(liveness, "IDLE_LIMIT", 3.0)
    said: list[str] = []
    with LocalServer(MODELS, notify=said.append, model="all_ensemble") as server:
        with Client(server.grpc_address) as client:
            assert client.classify(images[0]).votes
            first = server.pid
            (vote,) = [stub for stub in stubs.find(first) if stub.model == "vote"]
            one_of_two, _ = [stub for stub in stubs.find(first) if stub.model == "preprocess"]
            if what == "stub dies":
                os.kill(vote.pid, signal.SIGSEGV)
            elif what == "stub hangs":
                os.kill(one_of_two.pid, signal.SIGSTOP)
            else:
                os.kill(first, signal.SIGSTOP)
            outcomes = list(client.classify_many(images * 5))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        until(lambda: len(said) == 2, "a new start")
        assert server.pid != first
    expected = {
        "stub dies": r"a process of the model vote was ended by SIGSEGV \(a crash\)",
        "stub hangs": "a process of the model preprocess is stopped and does not go on",
        "server hangs": "tritonserver runs, and has answered nothing for 3 s",
    }
    assert re.match(expected[what], said[0])
    Path(re.findall(r"\(log: ([^)]+)\)", said[0])[-1]).unlink()


def test_a_process_that_dies_while_the_server_starts_again_costs_one_more_start(
    images: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "FIRST_PAUSE", SOON)
    said: list[str] = []

    def votes_of(server: LocalServer, but: int) -> list[stubs.Stub]:
        pid = _pid(server)
        return [] if pid in (None, but) else [s for s in stubs.find(pid) if s.model == "vote"]

    with LocalServer(MODELS, notify=said.append, model="all_ensemble") as server:
        first = server.pid
        os.kill(first, signal.SIGKILL)
        (vote,) = until(lambda: votes_of(server, first), "a process of a new server")
        os.kill(vote.pid, signal.SIGKILL)
        until(lambda: any(words.startswith(READY) for words in said), "a server that is ready")
        assert server.pid not in (first, vote.server)
        with Client(server.grpc_address) as client:
            assert client.classify(images[0]).votes
    assert server.failure is None
    for words in said:
        for log in re.findall(r"\(log: ([^)]+)\)", words):
            Path(log).unlink(missing_ok=True)


def test_images_that_kill_a_process_each_time_are_errors_and_the_rest_goes_on(
    tmp_path: Path, folder: Path
) -> None:
    """Three of them in one batch, which cost eight to twelve deaths in a row: one may end both
    processes of the model before that is noticed, and the third may come in later."""
    models = tmp_path / "models"
    shutil.copytree(MODELS, models, ignore=shutil.ignore_patterns("__pycache__"))
    with (models / "preprocess" / "1" / "pixels.py").open("a") as code:
        code.write(
            "\n\n_decode = decode\n\n\ndef decode(data):\n    import os, signal\n\n"
            "    if b'deadly' in data:\n        os.kill(os.getpid(), signal.SIGSEGV)\n"
            "    return _decode(data)\n"
        )
    deadly = [folder / f"{number:04d}.png" for number in (50, 51, 53)]
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "deadly")
    for path in deadly:
        with Image.open(path) as image:
            image.save(path, pnginfo=note)
    files = [str(path) for path in sorted(folder.iterdir())[:80]]
    output = tmp_path / "o.csv"
    arguments = ("classify", *files, "-o", str(output), "--model-repository", str(models))
    with command(*arguments, pause=SOON, stderr=subprocess.PIPE) as run:
        _, errors = run.communicate(timeout=2 * PATIENCE)
    assert run.returncode == 1, errors
    with output.open(newline="") as lines:
        found = list(csv.DictReader(lines))
    assert [row["file"] for row in found] == files
    assert {row["file"]: row["error_code"] for row in found if row["error_code"]} == {
        str(path): "server_lost" for path in deadly
    }
    lost = re.findall(r"a process of (the model preprocess|a model) was ended by SIGSEGV", errors)
    assert 4 <= len(lost) < restarts.MAX_DEATHS, errors
    assert errors.count("the server is ready again") <= len(lost), errors
    for log in re.findall(r"\(log: ([^)]+)\)", errors):
        Path(log).unlink()


def test_without_restart_a_dead_server_stays_dead() -> None:
    with LocalServer(MODELS, model="all_ensemble", restart=False) as server:
        os.kill(server.pid, signal.SIGKILL)
        assert server.wait(PATIENCE) == -signal.SIGKILL
        assert server.exit_status() == -signal.SIGKILL
    assert server.log_path is not None
    server.log_path.unlink()


def test_json_lines_of_an_interrupted_run_are_whole(folder: Path, tmp_path: Path) -> None:
    """Unordered: every file once, whatever was in flight when the server died."""
    output = tmp_path / "o.jsonl"
    arguments = ("classify", str(folder), "-o", str(output), "--unordered", "--in-flight", "64")
    with command(*arguments, stderr=subprocess.PIPE) as run:
        until(lambda: rows(output) > 50 or run.poll() is not None, "rows")
        servers_under(run.pid)[0].kill()
        _, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, errors
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(record["file"] for record in found) == sorted(map(str, folder.iterdir()))
    assert all(record["error"] is None for record in found)
    for log in re.findall(r"\(log: (\S+)\)", errors):
        Path(log).unlink()
