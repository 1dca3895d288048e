"""Starts the peers of ``peers/`` in their own environment, waits for a first answer, stops them."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import psutil
from loads import Subject, http_connect, tree

from allclient.errors import AllclientError

FOLDER = Path(__file__).with_name("peers")
REQUIREMENTS = FOLDER / "requirements.txt"
ENVIRONMENT = Path(__file__).parents[2] / "runs" / "peers" / "venv"
PATIENCE = 180.0
QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
    "LITSERVE_DISABLE_TELEMETRY": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class PeerError(Exception):
    """A peer cannot be measured, and why; the others can."""


@dataclass(frozen=True)
class Peer:
    """How a peer is started and asked."""

    command: Callable[[int], list[str]]
    """What follows the environment's bin/ folder, for a port."""
    path: str
    content_type: str
    body: Callable[[bytes], bytes]
    variables: dict[str, str] = field(default_factory=dict)
    """For its environment; see ``peers/common.py``."""


def _script(name: str) -> Callable[[int], list[str]]:
    return lambda _: ["python", f"{name}_app.py"]


def _json(wrap: Callable[[str], object]) -> Callable[[bytes], bytes]:
    return lambda image: json.dumps(wrap(base64.b64encode(image).decode("ascii"))).encode()


PEERS = {
    "litserve": Peer(
        _script("litserve"), "/predict", "application/json", _json(lambda text: {"image": text})
    ),
    "bentoml": Peer(
        lambda port: [
            *("bentoml", "serve", "bentoml_app:Classifier"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        "/classify",
        "application/json",
        _json(lambda text: {"images": [text]}),
    ),
    "ray_serve": Peer(_script("ray"), "/", "application/octet-stream", bytes),
    "fastapi_keras": Peer(_script("fastapi_keras"), "/classify", "application/octet-stream", bytes),
}
PEERS["litserve_one_by_one"] = replace(PEERS["litserve"], variables={"ONE_BY_ONE": "1"})


def environment() -> Path:
    """Return the peers' bin/ folder; it is made and filled on first use.

    Raises:
        PeerError: it cannot be made.
    """
    ready = ENVIRONMENT / ".ready"
    if not ready.exists() or ready.read_text() != REQUIREMENTS.read_text():
        print(f"setting up {ENVIRONMENT} ...", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-q"]
        command = [*pip, "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        if code := subprocess.run(command, check=False).returncode:
            raise PeerError(f"pip could not fill {ENVIRONMENT} (exit code {code})")
        ready.write_text(REQUIREMENTS.read_text())
    return ENVIRONMENT / "bin"


@contextmanager
def peer(
    name: str, images: list[bytes], repository: Path, masters: Path, log: Path
) -> Iterator[Subject]:
    """Start the peer, and yield it when it has answered a first image; end all its processes.

    Raises:
        PeerError: it does not start.
    """
    one = PEERS[name]
    bin_folder = environment()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, *arguments = one.command(port)
    variables = {
        # RAY_ADDRESS would make Ray Serve join a cluster that is not ours.
        **{
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "RAY_"))
        },
        **QUIET,
        **one.variables,
        "MODELS": str(repository.resolve()),
        "MASTERS": str(masters.resolve()),
        "PORT": str(port),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    connect = http_connect(port, one.path, one.content_type, [one.body(image) for image in images])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as words:
        process = subprocess.Popen(
            [str(bin_folder / program), *arguments],
            cwd=FOLDER,
            env=variables,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, connect, log)
            yield Subject(connect, process.pid)
        finally:
            _end(process)


def _wait(
    process: subprocess.Popen[bytes], connect: Callable[[], Callable[[int], object]], log: Path
) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        if process.poll() is not None:
            raise PeerError(f"it ended with status {process.returncode}; its words are in {log}")
        try:
            answer = json.loads(cast(bytes, connect()(0)))
        except AllclientError as error:
            if time.monotonic() > deadline:
                raise PeerError(
                    f"it gave no answer in {PATIENCE:g} s ({error}); see {log}"
                ) from error
            time.sleep(0.5)
            continue
        answer = answer[0] if isinstance(answer, list) else answer
        if answer.get("label") not in ("benign", "malignant"):
            raise PeerError(f"it answers {answer}; see {log}")
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess):
        family = tree(process.pid)
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=20)
    process.wait()
