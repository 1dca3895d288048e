"""``LocalServer``: a real Triton on this machine, started, waited for and always stopped."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

from allclient.client import Client
from allclient.contract import CASCADE, ENSEMBLE, MODELS
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    LocalServerError,
    ServerStartError,
)
from allclient.local import (
    binaries,
    flavours,
    ports,
    repository,
    sharedmemory,
    triton_log,
    workfolder,
)
from allclient.local.layout import Layout
from allclient.local.probe import tiny_png
from allclient.local.process import ServerProcess

_TRIES = 3
"""Starts, when another program takes a port between its choice and Triton's binding it."""

_POLL = 0.05


class LocalServer:
    """tritonserver as a child of this process, serving one model repository on this machine.

        with LocalServer() as server, Client(server.grpc_address) as client:
            result = client.classify("smear.jpg")

    A port of 0 takes a free one. The server, all its processes and its shared memory are gone
    after ``stop()``, at the end of the ``with`` block, and when this process ends in any way,
    also when it is killed.

    With ``model``, ``all_ensemble`` or ``all_cascade``, that one is loaded and what it asks, and
    the other is not, which makes the start shorter. Without it all of the repository is.

    Triton's log goes to ``log_file``, or to a private file that is removed after a good stop and
    kept when the server failed; ``log_path`` names it.

    Raises, at the start: ServerNotInstalledError, ConfigurationError (repository, flavour, host),
    PortInUseError, ServerStartError (with the reason of each model that did not load).
    """

    def __init__(
        self,
        model_repository: str | Path | None = None,
        flavour: str | None = None,
        host: str = "127.0.0.1",
        grpc_port: int = 0,
        http_port: int = 0,
        metrics_port: int = 0,
        ready_timeout: float = 120.0,
        log_file: str | Path | None = None,
        model: str | None = None,
    ) -> None:
        self.model_repository = repository.find(model_repository)
        self.flavour = repository.check_flavour(self.model_repository, flavour)
        self._needs = flavours.needs(self.model_repository, self.flavour)
        self._answering = repository.answering(self.model_repository, model)
        self._model = model
        self._address = ports.resolve(host)
        self._asked = ports.Ports(grpc_port, http_port, metrics_port)
        self._ready_timeout = ready_timeout
        self._log_file = None if log_file is None else Path(log_file).absolute()
        self._layout: Layout | None = None
        self._ports: ports.Ports | None = None
        self._process: ServerProcess | None = None
        self._stopping = threading.Lock()
        self.log_path: Path | None = self._log_file

    @property
    def grpc_address(self) -> str:
        """HOST:PORT for a client on this machine."""
        return self._at(self._running().grpc)

    @property
    def http_address(self) -> str:
        return self._at(self._running().http)

    @property
    def metrics_address(self) -> str:
        return self._at(self._running().metrics)

    @property
    def pid(self) -> int:
        """Of tritonserver itself."""
        if self._process is None:
            raise LocalServerError("the embedded server is not running")
        return self._process.pid

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return self._address.startswith("127.")

    def models(self) -> dict[str, str]:
        """The version served of each model, by name."""
        connection = http.client.HTTPConnection(self.http_address, timeout=10.0)
        try:
            connection.request("POST", "/v2/repository/index", body='{"ready": true}')
            index = json.loads(connection.getresponse().read())
        except (OSError, ValueError) as error:
            raise LocalServerError(
                f"the embedded server does not list its models: {error}"
            ) from error
        finally:
            connection.close()
        return {model["name"]: model["version"] for model in index}

    def providers(self) -> dict[str, str]:
        """What each model of the onnxruntime backend runs on, in words, by model name."""
        self._running()
        return triton_log.providers(self._log())

    def __enter__(self) -> LocalServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it has answered a first inference."""
        if self._process is not None:
            raise LocalServerError("the embedded server is already running")
        found = binaries.find(self._needs.backends)
        workfolder.sweep()
        sharedmemory.check()
        for last in (*[False] * (_TRIES - 1), True):
            self._ports = ports.choose(self._address, self._asked)
            try:
                self._launch(found)
                self._wait_until_ready()
                return
            except _PortTakenError as taken:
                self._discard(keep_log=False)
                name = dict(zip(self._ports, ports.Ports._fields, strict=True))[taken.port]
                if last or taken.port in self._asked:
                    raise ports.in_use(self._address, taken.port, name) from None
            except BaseException as error:
                # Also for Ctrl-C: nothing may stay behind.
                self._discard(keep_log=isinstance(error, LocalServerError))
                raise

    def stop(self) -> None:
        """End the server and all its processes, and return when they are gone.

        Running requests fail, as unavailable: Triton cannot finish those of an ensemble, whose
        later steps it refuses from the moment it is told to stop. Stopping twice, or what never
        started, does nothing. A server that had died by itself leaves its log (``log_path``).
        """
        with self._stopping:
            if self._process is not None:
                self._discard(keep_log=self._process.exit_status() is not None)

    def exit_status(self) -> int | None:
        """None while the server runs; how it ended, as subprocess has it, when it died."""
        return None if self._process is None else self._process.exit_status()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the server dies by itself; its exit status, or None after ``timeout``."""
        return None if self._process is None else self._process.wait(timeout)

    def _running(self) -> ports.Ports:
        if self._process is None or self._ports is None:
            raise LocalServerError("the embedded server is not running")
        return self._ports

    def _at(self, port: int) -> str:
        return f"{ports.reachable(self._address)}:{port}"

    def _launch(self, found: binaries.Binaries) -> None:
        folder = workfolder.create()
        layout = Layout(folder.path, found, self.model_repository, self._needs)
        try:
            layout.create()
            variables = layout.variables()
            binaries.check(layout.stub, variables)
            self.log_path = self._log_file or layout.log
            self._open_log()
            self._process = ServerProcess(
                self._command(layout, folder.shm_prefix),
                variables=variables,
                log=self.log_path,
                folder=folder,
            )
        except BaseException:
            folder.remove()
            raise
        self._layout = layout

    def _open_log(self) -> None:
        assert self.log_path is not None
        try:
            # 0600: paths and addresses are nobody else's business.
            os.close(os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        except OSError as error:
            raise ConfigurationError(
                f"the log file {self.log_path} cannot be written: {error.strerror}"
            ) from error

    def _command(self, layout: Layout, shm_prefix: str) -> list[str]:
        assert self._ports is not None
        options = {
            "model-repository": layout.models,
            "backend-directory": layout.backends,
            "backend-config": f"python,shm-region-prefix-name={shm_prefix}",
            # Else every model is started twice, once to ask it for what config.pbtxt says.
            "disable-auto-complete-config": None,
            "model-load-thread-count": 8,
            "grpc-address": self._address,
            "grpc-port": self._ports.grpc,
            "http-address": self._address,
            "http-port": self._ports.http,
            "metrics-address": self._address,
            "metrics-port": self._ports.metrics,
            "allow-gpu-metrics": "false",
            "pinned-memory-pool-byte-size": 0,
            # Else each of its two threads keeps its last eight requests, with the files in them.
            "grpc-infer-allocation-pool-size": 0,
        }
        if self.flavour is not None:
            options["model-config-name"] = self.flavour
        return [
            str(layout.binaries.server),
            *self._selection(),
            *(
                f"--{key}" if value is None else f"--{key}={value}"
                for key, value in options.items()
            ),
        ]

    def _selection(self) -> list[str]:
        """Triton's options to load one model and what it asks."""
        if self._model is None:
            return []
        others = {ENSEMBLE, CASCADE} - {self._model}
        wanted = [name for name in MODELS if name not in others]
        return ["--model-control-mode=explicit", *(f"--load-model={name}" for name in wanted)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._ready_timeout
        waiting = list(self._running())
        while waiting:
            self._check_alive(deadline, "its models did not load")
            if _listens(ports.reachable(self._address), waiting[0]):
                waiting.pop(0)
            elif self._process is not None:
                self._process.wait(_POLL)
        # Triton can say ready while every inference fails; only an answer proves one.
        for model in self._answering:
            left = max(deadline - time.monotonic(), 1.0)
            try:
                with Client(self.grpc_address, model=model, timeout=left) as client:
                    client.classify(tiny_png())
            except AllclientError as error:
                self._check_alive(deadline, "it did not answer the first image")
                raise self._failure(f"{model} did not answer the first image: {error}") from error

    def _check_alive(self, deadline: float, otherwise: str) -> None:
        assert self._process is not None
        status = self._process.exit_status()
        log = self._log()
        if status is not None or triton_log.gave_up(log):
            if taken := triton_log.port_in_use(log):
                raise _PortTakenError(taken)
            why = triton_log.reasons(log)
            raise self._failure(
                "; ".join(why)
                or f"tritonserver ended with status {status}: {triton_log.last_words(log)}"
            )
        if time.monotonic() > deadline:
            raise self._failure(f"{otherwise} within {self._ready_timeout:g} s")

    def _log(self) -> str:
        assert self.log_path is not None
        with contextlib.suppress(FileNotFoundError):
            return self.log_path.read_text("utf-8", errors="replace")
        return ""

    def _failure(self, why: str) -> ServerStartError:
        self._keep_log()
        readable = why if self._layout is None else self._layout.readable(why)
        return ServerStartError(
            f"the embedded server did not start: {readable} (log: {self.log_path})"
        )

    def _keep_log(self) -> None:
        """Save the private log from the folder that goes with the server."""
        if self._layout is not None and self.log_path == self._layout.log:
            handle, name = tempfile.mkstemp(prefix="allclient-server-", suffix=".log")
            os.close(handle)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self.log_path, name)
            self.log_path = Path(name)

    def _discard(self, *, keep_log: bool) -> None:
        if keep_log:
            self._keep_log()
        process, self._process = self._process, None
        if process is not None:
            process.stop()
        if self._layout is not None and self.log_path == self._layout.log:
            self.log_path = None
        self._layout = None


class _PortTakenError(Exception):
    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port


def _listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1.0):
        return True
    return False
