"""Watches one server in a thread of its own, and starts it again when it dies or hangs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from allclient.errors import AllclientError, ServerDiedError
from allclient.local import causes, liveness, stubs
from allclient.local.liveness import Liveness
from allclient.local.restarts import SHORT_LIFE, Restarts
from allclient.local.server import NotReadyInTimeError, TritonServer

_TICK = 0.5
"""Seconds that the death of a model's process, or of a server that hangs, is left unnoticed."""

Say = Callable[[str], None]


class Keeper:
    """Keeps ``server``, which has been started, until ``stop()`` or until it is given up.

    ``say`` gets a sentence for every death and every new start. A server that is given up leaves
    ``failure``, and ``lost`` is called with it.
    """

    def __init__(
        self, server: TritonServer, say: Say, lost: Callable[[ServerDiedError], None]
    ) -> None:
        self._server = server
        self._say = say
        self._lost = lost
        self._answers = 0
        """Answers that the last server gave."""
        self._stopping = threading.Event()
        self._over = threading.Event()
        self.failure: ServerDiedError | None = None
        self.last_status: int | None = None
        self._thread = threading.Thread(target=self._run, name="allclient-keeper", daemon=True)

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Start the server no more. It returns at once; ``join`` waits for the thread."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def wait(self, timeout: float | None) -> None:
        """Sleep until the server is given up or stopped, at most ``timeout`` seconds."""
        self._over.wait(timeout)

    def _run(self) -> None:
        try:
            self._keep()
        except Exception as error:  # nobody else would tell
            if not self._stopping.is_set():  # else it is what was stopped that is missed
                self._give_up(f"the server is not watched any more: {error!r}")
        finally:
            self._over.set()

    def _keep(self) -> None:
        restarts = Restarts()
        trouble: str | None = None
        while self.failure is None and not self._stopping.is_set():
            self._answers, lived = 0, 0.0
            if trouble is None:
                begun = time.monotonic()
                trouble = self._watch()
                lived = time.monotonic() - begun
            if trouble is not None:
                trouble = self._mend(trouble, restarts, lived)

    def _mend(self, trouble: str, restarts: Restarts, lived: float) -> str | None:
        """Start a new server in the place of the old one; return what hinders it, or None."""
        log = self._server.clear()
        told = trouble if str(log) in trouble else f"{trouble} (log: {log})"
        pause = restarts.pause_after(lived, self._answers)
        if pause is None:
            self._give_up(
                f"tritonserver died {restarts.deaths} times in a row, each time within "
                f"{SHORT_LIFE:.0f} s; it is not started again. The last time: {told}"
            )
            return told
        self._say(f"{told}; starting it again in {pause:g} s")
        if self._stopping.wait(pause):
            return told
        begun = time.monotonic()
        try:
            self._server.start_again()
        except NotReadyInTimeError as error:
            if not self._stopping.is_set():
                self._give_up(f"a server that had died is not started again: {error}")
            return str(error)
        except (AllclientError, OSError) as error:
            return str(error)
        took = time.monotonic() - begun
        self._say(f"the server is ready again after {took:.1f} s (process {self._server.pid})")
        return None

    def _give_up(self, why: str) -> None:
        self.failure = ServerDiedError(why)
        self._over.set()
        self._lost(self.failure)

    def _watch(self) -> str | None:
        """Wait for trouble, and return it in words; None if it is to stop."""
        process = self._server.process
        oom_kills = causes.oom_kills()
        server = liveness.Server(
            self._server.grpc_address,
            self._server.answering,
            self._server.admin_headers,
            self._server.client_tls,
        )
        try:
            alive = Liveness(server, self._processor_seconds, tick=_TICK)
            stopped: Counter[stubs.Stub] = Counter()
            while not self._stopping.is_set():
                status = process.wait(_TICK)
                if self._stopping.is_set():
                    break
                if status is not None:
                    self.last_status = status
                    self._answers = alive.answers()
                    log = self._server.log_text()
                    return causes.of("tritonserver", status, oom_kills_before=oom_kills, log=log)
                for stub in self._server.stubs:  # others, after a change of release
                    # One that leaves with status 0 was told to, by a server that stops.
                    if status := stub.exit_status():
                        self.last_status = status
                        self._answers = alive.answers()
                        return causes.of(stub.who, status, oom_kills_before=oom_kills)
                    stopped[stub] = stopped[stub] + 1 if stub.is_stopped() else 0
                    if stopped[stub] * _TICK >= stubs.STOPPED_LIMIT:
                        self.last_status = -9
                        return f"{stub.who} is stopped and does not go on"
                if trouble := alive.trouble():
                    self.last_status = -9  # what it gets
                    return trouble
            return None
        finally:
            server.close()

    def _processor_seconds(self) -> float:
        pids = [self._server.pid, *(stub.pid for stub in self._server.stubs)]
        return stubs.processor_seconds(pids)
