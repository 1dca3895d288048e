"""Defines ``TritonServer``: one real Triton here, started, waited for and always stopped."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path

from allclient.client import Client
from allclient.contract import CASCADE, CLASSES, ENSEMBLE, MODELS
from allclient.errors import (
    AllclientError,
    LocalServerError,
    PortInUseError,
    ServerStartError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.local import (
    arguments,
    binaries,
    causes,
    flavours,
    ports,
    repository,
    sharedmemory,
    stubs,
    triton_log,
    workfolder,
)
from allclient.local.access import Access
from allclient.local.layout import Layout
from allclient.local.logfile import ServerLog
from allclient.local.options import Options
from allclient.local.probe import tiny_png
from allclient.local.process import ServerProcess
from allclient.local.tls import Prepared
from allclient.transport import Connection, Retry, TlsOptions
from allclient.transport.blocking import Transport

_TRIES = 3
"""Starts, when another program takes a port between its choice and Triton's binding it, or when
tritonserver crashes: on an overloaded machine it can lose patience with a model's process."""

_POLL = 0.05

_LOOK_EVERY = 0.5
"""Seconds between looks at the models' processes; each look is at all processes of the machine."""

_FIRST_ANSWER = 5.0
"""Seconds until it is asked why the first image is not answered."""


class NotReadyInTimeError(ServerStartError):
    """The server runs, and has not answered a first image within the time given."""


class _CrashedError(ServerStartError):
    """A signal ended it, or the process of a model, before it was ready."""


class TritonServer:
    """The tritonserver as a child of this process, from one start to the next.

    Its folder, its log and its processes are new with every start; its ports and the key to what
    is restricted stay the same until ``stop()``. See ``LocalServer`` for the options.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.model_repository = repository.find(options.model_repository)
        self.flavour = repository.check_flavour(self.model_repository, options.flavour)
        self._needs = flavours.needs(self.model_repository, self.flavour)
        self.release = ""
        """The name of what is served, from the start on."""
        self.answering = repository.answering(self.model_repository, options.model)
        self._access = Access(options.allow)
        self._address = ports.resolve(options.host)
        self._prepared: Prepared | None = None
        self._binaries: binaries.Binaries | None = None
        self._layout: Layout | None = None
        self._ports: ports.Ports | None = None
        self._held = ExitStack()
        self._oom_kills = 0
        self._process: ServerProcess | None = None
        self.stubs: list[stubs.Stub] = []
        self._look_at_stubs = 0.0
        """The processes of the models, from the time when clients can reach them."""
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        log_file = options.log_file
        self._log = ServerLog(None if log_file is None else Path(log_file).absolute())

    @property
    def grpc_address(self) -> str:
        """HOST:PORT for a client on this machine."""
        return self._at(self._open_ports().grpc)

    @property
    def http_address(self) -> str | None:
        """HOST:PORT of HTTP; None if it is not open."""
        port = self._open_ports().http
        return None if port is None else self._at(port)

    @property
    def metrics_address(self) -> str | None:
        """HOST:PORT of metrics; None if they are not open."""
        port = self._open_ports().metrics
        return None if port is None else self._at(port)

    @property
    def process(self) -> ServerProcess:
        """The process under its supervisor."""
        if self._process is None:
            raise LocalServerError("the embedded server is not running")
        return self._process

    @property
    def pid(self) -> int:
        """The process number of tritonserver itself."""
        return self.process.pid

    @property
    def started(self) -> bool:
        """Whether it has its ports, though tritonserver may be dead."""
        return self._ports is not None

    @property
    def layout(self) -> Layout:
        """Where the running server's files lie."""
        if self._layout is None:
            raise LocalServerError("the embedded server is not running")
        return self._layout

    def now_serves(self, model_repository: Path, release: str) -> None:
        """Note that its models are those of another repository now, also for the next start."""
        self.model_repository, self.release = model_repository, release

    @property
    def log_path(self) -> Path | None:
        """The file of Triton's log; None while there is none."""
        return self._log.path

    @property
    def admin_headers(self) -> dict[str, str]:
        """What a gRPC client sends to be let in where others are not. A secret."""
        return self._access.headers

    @property
    def client_tls(self) -> TlsOptions | None:
        """How this program reaches a server with TLS; another one after every new start."""
        return None if self._prepared is None else self._prepared.client

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return ports.is_loopback(self._address)

    def models(self) -> dict[str, str]:
        """Return the version served of each model, by name."""
        transport = Transport(
            Connection(self.grpc_address, headers=self.admin_headers, tls=self.client_tls)
        )
        try:
            return transport.models(10.0)
        except AllclientError as error:
            raise LocalServerError(
                f"the embedded server does not list its models: {error}"
            ) from error
        finally:
            transport.close()

    def providers(self) -> dict[str, str]:
        """Return what each model of the onnxruntime backend runs on, by model name."""
        self._open_ports()
        return triton_log.providers(self.log_text())

    def log_text(self) -> str:
        """Return Triton's log since the last start."""
        return self._log.text()

    def start(self) -> None:
        """Start the server and return when it has answered a first inference."""
        if self.started:
            raise LocalServerError("the embedded server is already running")
        self._binaries = binaries.find(self._needs.backends)
        workfolder.sweep()
        sharedmemory.check()
        self._stopped.clear()
        for last in (*[False] * (_TRIES - 1), True):
            self._ports = ports.choose(self._address, self._options.asked_ports)
            try:
                self._held = ports.hold(self._address, self._ports)
                self._launch()
                self._wait_until_ready()
                return
            except (PortInUseError, _CrashedError) as error:
                # A port that was asked for is refused at the next choice.
                self._discard(keep_log=isinstance(error, _CrashedError))
                if last:
                    raise
            except BaseException as failure:
                # Also for Ctrl-C: nothing may stay behind.
                self._discard(keep_log=isinstance(failure, LocalServerError))
                raise

    def clear(self) -> Path | None:
        """End what is left of a server that died or hangs; return where its log is kept."""
        with self._changing:
            self._log.keep()
            if self._process is not None:
                self._process.stop()
        return self.log_path

    def start_again(self) -> None:
        """Start after ``clear`` as ``start`` does, on the same ports.

        Raises:
            LocalServerError: it does not start.
        """
        self._launch()
        self._wait_until_ready()

    def stop(self) -> None:
        """End the server and all its processes, and return when they are gone.

        Running requests fail, as unavailable: Triton cannot finish those of an ensemble, whose
        later steps it refuses from the moment it is told to stop. Stopping twice, or what never
        started, does nothing. A server that had died by itself leaves its log (``log_path``).
        """
        self._stopped.set()
        if self.started:
            self._discard(keep_log=self.exit_status() is not None)

    def exit_status(self) -> int | None:
        """Return how the server ended, as subprocess has it; None while it runs."""
        process = self._process  # another thread may change it
        return None if process is None else process.exit_status()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the server dies; return its exit status, or None after ``timeout``."""
        process = self._process
        return None if process is None else process.wait(timeout)

    def _open_ports(self) -> ports.Ports:
        if self._ports is None:
            raise LocalServerError("the embedded server is not running")
        return self._ports

    def _at(self, port: int) -> str:
        return f"{ports.reachable(self._address)}:{port}"

    def _launch(self) -> None:
        assert self._binaries is not None
        with self._changing:
            if self._stopped.is_set():
                raise LocalServerError("the embedded server was stopped")
            # Of every start: what lies there may have changed since the last.
            self.release = repository.name(self.model_repository)
            folder = workfolder.create()
            layout = Layout(
                folder.path,
                self._binaries,
                self.model_repository,
                self._needs,
                self._served(),
                self.release,
            )
            try:
                tls = self._options.tls
                self._prepared = None if tls is None else tls.prepare(folder.path)
                layout.create()
                variables = layout.variables()
                self._oom_kills = causes.oom_kills()
                binaries.check(layout.stub, variables)
                self._process = ServerProcess(
                    arguments.of(
                        layout,
                        folder.shm_prefix,
                        self._options,
                        flavour=self.flavour,
                        opened={
                            **self._access.options(self._address, self._open_ports()),
                            **({} if self._prepared is None else self._prepared.options),
                        },
                    ),
                    variables=variables | self._access.variables,
                    log=self._log.begin(layout.log),
                    folder=folder,
                    niceness=self._options.niceness,
                )
            except BaseException:
                folder.remove()
                raise
            self._layout = layout

    def _served(self) -> list[str] | None:
        """Return the model asked for and what it asks; None for all of the repository."""
        if self._options.model is None:
            return None
        others = {ENSEMBLE, CASCADE, CLASSES} - {self._options.model}
        return [name for name in MODELS if name not in others]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._options.ready_timeout
        waiting = [port for port in self._open_ports() if port is not None]
        while waiting:
            self._check_alive(deadline, "its models did not load")
            if ports.listens(self._address, waiting[0]):
                waiting.pop(0)
            else:
                self.wait(_POLL)
        self.stubs = stubs.find(self.pid)
        # Triton can say ready while every inference fails; only an answer proves one.
        for model in self.answering:
            begun = time.monotonic()
            # Each try gets as long as all before, with a look at the models' processes between.
            while not self._answers(model, deadline, time.monotonic() - begun):
                self.wait(_POLL)

    def _answers(self, model: str, deadline: float, patience: float) -> bool:
        late = "it did not answer the first image"
        left = max(deadline - time.monotonic(), 1.0)
        try:
            with Client(
                self.grpc_address,
                model=model,
                timeout=min(left, max(patience, _FIRST_ANSWER)),
                retry=Retry(seconds=0),
                tls=self.client_tls,
            ) as client:
                client.classify(tiny_png())
        except (ServerUnavailableError, ServerTimeoutError):
            self._check_alive(deadline, late)
            return False
        except AllclientError as error:
            self._check_alive(deadline, late)
            self._look_at_stubs = 0.0
            self._check_stubs()
            raise self._failure(f"{model} did not answer the first image: {error}") from error
        return True

    def _check_alive(self, deadline: float, otherwise: str) -> None:
        if self._stopped.is_set():
            raise LocalServerError("the embedded server was stopped")
        status = self.exit_status()
        log = self.log_text()
        if status is not None or triton_log.gave_up(log):
            if taken := triton_log.port_in_use(log):
                names = dict(zip(self._open_ports(), ports.Ports._fields, strict=True))
                raise ports.in_use(self._address, taken, names[taken])
            why = "; ".join(triton_log.reasons(log))
            kind = _CrashedError if status is not None and status < 0 and not why else None
            if status is not None and not why:
                why = causes.of("tritonserver", status, oom_kills_before=self._oom_kills, log=log)
            raise self._failure(why or triton_log.last_words(log), kind or ServerStartError)
        self._check_stubs()
        if time.monotonic() > deadline:
            late = f"{otherwise} within {self._options.ready_timeout:g} s"
            raise self._failure(late, NotReadyInTimeError)

    def _check_stubs(self) -> None:
        """Triton waits without end for a model's process that a signal ended while it started."""
        if time.monotonic() < self._look_at_stubs:
            return
        for stub in stubs.find(self.pid):
            status = stub.exit_status()
            if status is not None and status < 0:
                why = causes.of(stub.who, status, oom_kills_before=self._oom_kills)
                raise self._failure(why, _CrashedError)
        self._look_at_stubs = time.monotonic() + _LOOK_EVERY

    def _failure(
        self, why: str, kind: type[ServerStartError] = ServerStartError
    ) -> ServerStartError:
        self._log.keep()
        readable = why if self._layout is None else self._layout.readable(why)
        return kind(f"the embedded server did not start: {readable} (log: {self.log_path})")

    def _discard(self, *, keep_log: bool) -> None:
        with self._changing:
            if keep_log:
                self._log.keep()
            process, self._process = self._process, None
            if process is not None:
                process.stop()
            self._log.end()
            self._layout = None
            self._held.close()
            self._ports = None
