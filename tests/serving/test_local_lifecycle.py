"""However a client ends, nothing of its server stays: no process, no shared memory, no folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from allclient import Client
from allclient.errors import LocalServerError, PortInUseError, ServerUnavailableError
from allclient.local import LocalServer, ports
from allclient.transport import Retry
from samples import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "model_repository"
PATIENCE = 120

CLIENT = """
import json, signal, sys, time
from allclient.local import LocalServer
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever nohup left
with LocalServer(sys.argv[1]) as server:
    print(json.dumps({"pid": server.pid, "log": str(server.log_path),
                      "address": server.grpc_address}), flush=True)
    while True:  # a signal that comes just before a sleep begins does not end it
        time.sleep(0.1)
"""


@dataclass
class Traces:
    """What a running server has on this machine."""

    processes: list[psutil.Process]
    folder: Path

    @classmethod
    def of(cls, pid: int, log: Path) -> Traces:
        server = psutil.Process(pid)
        supervisor = server.parent()
        assert supervisor is not None
        stubs = server.children(recursive=True)
        assert len(stubs) >= 5
        traces = cls([supervisor, server, *stubs], log.parent)
        assert traces.shared_memory()
        return traces

    def shared_memory(self) -> list[Path]:
        return list(Path("/dev/shm").glob(f"{self.folder.name}-*"))

    def assert_gone(self) -> None:
        _, alive = psutil.wait_procs(self.processes, timeout=PATIENCE)
        assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
        assert self.shared_memory() == []
        assert not self.folder.exists()


@pytest.fixture
def start_client() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def start(models: Path = MODELS, **options: object) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(models)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
        started.append(client)
        return client

    yield start
    for client in started:
        client.kill()
        client.communicate()


def said(client: subprocess.Popen[str]) -> dict[str, str]:
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, "the client ended before its server was ready"
    return json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_client_ends_everything(
    start_client: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    client = start_client()
    facts = said(client)
    traces = Traces.of(int(facts["pid"]), Path(facts["log"]))
    client.send_signal(number)
    assert client.wait(PATIENCE) == -number
    traces.assert_gone()


def test_the_kernel_ends_everything_when_client_and_supervisor_are_killed(
    start_client: Callable[..., subprocess.Popen[str]],
) -> None:
    client = start_client()
    facts = said(client)
    traces = Traces.of(int(facts["pid"]), Path(facts["log"]))
    client.kill()
    traces.processes[0].kill()
    _, alive = psutil.wait_procs(traces.processes, timeout=PATIENCE)
    assert alive == []
    # Nobody was left to tidy up; the next server does.
    assert traces.shared_memory()
    with LocalServer(MODELS):
        traces.assert_gone()


def test_paths_variables_and_folders_of_the_user_do_not_matter(
    start_client: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    models = tmp_path / "the lab's (1) models"
    models.symlink_to(MODELS)
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("model", "pixels", "majority", "triton_python_backend_utils"):
        (hostile / f"{name}.py").write_text("raise RuntimeError('not this one')\n")
    for name in ("libarchive-3508abb0.so.13.6.0", "libtritonserver-717102f0.so"):
        (hostile / name).write_bytes(b"not a library")
    before = {path for path in MODELS.rglob("*") if "__pycache__" in path.parts}
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(hostile), os.environ.get("PYTHONPATH", "")]),
        "LD_LIBRARY_PATH": str(hostile),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    facts = said(start_client(models, env=variables, cwd=tmp_path))
    with Client(facts["address"]) as client:
        assert client.classify(render.encoded(count=1, seed=1)[0]).votes
    assert {path for path in MODELS.rglob("*") if "__pycache__" in path.parts} == before


def test_a_with_block_ends_everything_also_by_an_exception() -> None:
    server = LocalServer(MODELS)
    with pytest.raises(ZeroDivisionError), server:  # noqa: PT012  it is the block that is tested
        assert server.log_path is not None
        traces = Traces.of(server.pid, server.log_path)
        address = server.grpc_address
        _ = 1 / 0
    traces.assert_gone()
    assert server.log_path is None
    with pytest.raises(LocalServerError):
        _ = server.grpc_address
    server.stop()  # once more does nothing
    once = Retry(seconds=0)
    with Client(address, retry=once) as client, pytest.raises(ServerUnavailableError):
        client.classify(render.encoded(count=1, seed=1)[0])


def test_a_server_that_dies_is_noticed_and_leaves_its_log() -> None:
    with LocalServer(MODELS, restart=False) as server:
        assert server.log_path is not None
        traces = Traces.of(server.pid, server.log_path)
        assert server.exit_status() is None
        os.kill(server.pid, signal.SIGSEGV)
        assert server.wait(PATIENCE) == -signal.SIGSEGV
    traces.assert_gone()
    assert server.log_path is not None
    assert "Started GRPCInferenceService" in server.log_path.read_text()
    server.log_path.unlink()


def test_given_ports_and_log_file_are_used(tmp_path: Path) -> None:
    chosen = ports.choose("127.0.0.1", ports.Ports(0, 0, 0))
    options = {f"{name}_port": port for name, port in chosen._asdict().items()}
    log = tmp_path / "a log"
    with LocalServer(MODELS, log_file=log, **options) as server:
        addresses = (server.grpc_address, server.http_address, server.metrics_address)
        assert addresses == tuple(f"127.0.0.1:{port}" for port in chosen)
        for name, port in options.items():
            with pytest.raises(PortInUseError, match=rf"port {port} .*--{name.replace('_', '-')}"):
                LocalServer(MODELS, **{name: port}).start()
        assert server.log_path == log
        with LocalServer(MODELS) as other:
            assert other.pid != server.pid
            assert other.models().keys() == server.models().keys()
    assert "successfully loaded 'all_ensemble'" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_reports_serves_and_stops(number: signal.Signals) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from allclient.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "serve", "--model-repository", str(MODELS)]
    command += ["--grpc-port", "0", "--metrics-port", "0"]
    serve = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        assert serve.stdout is not None
        report: dict[str, str] = {}
        words: list[str] = []
        while "Ctrl-C stops it." not in words[-1:]:
            line = serve.stdout.readline()
            assert line, words
            words.append(line.strip())
            key, _, value = line.strip().partition(" ")
            report[key] = value.strip()
        traces = Traces.of(int(report["process"]), Path(report["log"]))
        assert "not a medical device" in "\n".join(words)
        assert "all_ensemble (version 1)" in report["models"]
        assert report["metrics"].startswith("http://127.0.0.1:")
        assert "HTTP" not in report
        with Client(report["gRPC"]) as client:
            assert client.health().ok
            assert client.classify(render.encoded(count=1, seed=1)[0]).votes
        serve.send_signal(number)
        rest, _ = serve.communicate(timeout=PATIENCE)
        assert serve.returncode == 0
        assert rest.splitlines()[-1] == "stopped"
        # Triton's own words about GPUs and the like stay in its log.
        for harmless in ("CUDA", "NVML", "I1", "E1", "stream"):
            assert harmless not in "\n".join(words) + rest
        traces.assert_gone()
    finally:
        serve.kill()
        serve.communicate()
