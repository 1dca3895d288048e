"""Defines ``LocalServer``: Triton on this machine, kept running for as long as it is wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from allclient.errors import ServerDiedError
from allclient.local.keeper import Keeper
from allclient.local.options import Options
from allclient.local.server import TritonServer
from allclient.local.switch import Switch
from allclient.local.tls import ServerTls
from allclient.transport import TlsOptions

_log = logging.getLogger(__name__)


class LocalServer:
    """The tritonserver as a child of this process, serving one model repository.

        with LocalServer() as server, Client(server.grpc_address) as client:
            result = client.classify("smear.jpg")

    It listens for gRPC, and for HTTP and metrics only where a port is given; 0 takes a free one.
    What a client could change (``RESTRICTED`` in ``access.py``: shared memory regions, models,
    log and trace settings) is closed to all but ``admin_headers``, unless named in ``allow``.

    A server that dies, hangs or loses a process of a model is started again on the same ports, and
    given up when that happens again and again (``restarts.py``); ``notify`` gets a sentence each
    time, the log of this module without it. With ``restart=False`` it stays dead.

    The server, all its processes and its shared memory are gone after ``stop()``, at the end of
    the ``with`` block, and when this process ends in any way, also when it is killed.

    With ``model``, ``all_ensemble`` or ``all_cascade``, that one is loaded and what it asks, and
    the other is not, which makes the start shorter. Without it all of the repository is.

    With ``tls`` gRPC is encrypted, and clients of this process take ``client_tls``. ``trace_to`` is
    the address of an OpenTelemetry collector for the traces of requests that ask to be traced.

    ``niceness`` from 1 to 19 has the server yield the processors to what must not wait.

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
        http_port: int | None = None,
        metrics_port: int | None = None,
        ready_timeout: float = 120.0,
        log_file: str | Path | None = None,
        model: str | None = None,
        allow: Iterable[str] = (),
        restart: bool = True,
        notify: Callable[[str], None] | None = None,
        tls: ServerTls | None = None,
        trace_to: str | None = None,
        reloadable: bool = False,
        niceness: int = 0,
    ) -> None:
        self._triton = TritonServer(
            Options(
                model_repository=model_repository,
                flavour=flavour,
                host=host,
                grpc_port=grpc_port,
                http_port=http_port,
                metrics_port=metrics_port,
                ready_timeout=ready_timeout,
                log_file=log_file,
                model=model,
                allow=allow,
                tls=tls,
                trace_to=trace_to,
                reloadable=reloadable,
                niceness=niceness,
            )
        )
        self._switch = Switch(self._triton)
        self._restart = restart
        self._notify = notify or _log.warning
        self._keeper: Keeper | None = None
        self._when_lost: Callable[[ServerDiedError], object] | None = None

    @property
    def model_repository(self) -> Path:
        """The folder of models that is served."""
        return self._triton.model_repository

    @property
    def flavour(self) -> str | None:
        """The set of configurations that is served; None for the default."""
        return self._triton.flavour

    @property
    def answering(self) -> list[str]:
        """The models that clients may ask."""
        return self._triton.answering

    @property
    def release(self) -> str:
        """The name of what is served, by its content (``allclient.release``)."""
        return self._triton.release

    @property
    def grpc_address(self) -> str:
        """HOST:PORT for a client on this machine; the same after every new start."""
        return self._triton.grpc_address

    @property
    def http_address(self) -> str | None:
        """HOST:PORT of HTTP; None if HTTP was given no port."""
        return self._triton.http_address

    @property
    def metrics_address(self) -> str | None:
        """HOST:PORT of metrics; None if metrics were given no port."""
        return self._triton.metrics_address

    @property
    def admin_headers(self) -> dict[str, str]:
        """What a gRPC client sends to change what is closed to others. A secret."""
        return self._triton.admin_headers

    @property
    def client_tls(self) -> TlsOptions | None:
        """How this program reaches a server with TLS; another one after every new start."""
        return self._triton.client_tls

    @property
    def pid(self) -> int:
        """The process number of tritonserver itself; another one after every new start."""
        return self._triton.pid

    @property
    def log_path(self) -> Path | None:
        """The file of Triton's log; None while there is none."""
        return self._triton.log_path

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return self._triton.is_loopback

    @property
    def failure(self) -> ServerDiedError | None:
        """Why the server was given up, or None."""
        return None if self._keeper is None else self._keeper.failure

    def models(self) -> dict[str, str]:
        """Return the version served of each model, by name."""
        return self._triton.models()

    def providers(self) -> dict[str, str]:
        """Return what each model of the onnxruntime backend runs on, by model name."""
        return self._triton.providers()

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
        self._triton.start()
        if self._restart:
            self._keeper = Keeper(self._triton, self._notify, self._lost)
            self._keeper.start()

    def activate(self, model_repository: str | Path) -> None:
        """Serve another release from now on; no request fails, and every answer is of one release.

        It takes ``reloadable=True`` at the start. It returns when nothing asks the old one any
        more and its models are unloaded.

        Raises:
            LocalServerError, ConfigurationError: it cannot be served. The old one is, as before.
        """
        self._switch.to(Path(model_repository))

    def stop(self) -> None:
        """End the server and all its processes, and return when they are gone.

        Running requests fail, as unavailable: Triton cannot finish those of an ensemble, whose
        later steps it refuses from the moment it is told to stop. Stopping twice, or what never
        started, does nothing. A server that had died by itself leaves its log (``log_path``).
        """
        if self._keeper is not None:
            self._keeper.stop()
        self._triton.stop()
        if self._keeper is not None:
            self._keeper.join()

    def exit_status(self) -> int | None:
        """Return how the server ended, as subprocess has it; None while it runs."""
        return self.wait(0.0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the server is gone; return its exit status, or None after ``timeout``."""
        if self._keeper is None:
            return self._triton.wait(timeout)
        self._keeper.wait(timeout)
        return None if self.failure is None else self._keeper.last_status

    def when_lost(self, callback: Callable[[ServerDiedError], object]) -> None:
        """Have ``callback`` called, in any thread, once the server is given up."""
        self._when_lost = callback
        if self.failure is not None:
            callback(self.failure)

    def _lost(self, failure: ServerDiedError) -> None:
        if self._when_lost is not None:
            self._when_lost(failure)
