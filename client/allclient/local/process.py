"""Runs tritonserver through its supervisor: the client's end; ``supervisor.py`` is the other."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from allclient.errors import LocalServerError
from allclient.local.workfolder import WorkFolder

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PATIENCE = 30.0
"""Seconds for the supervisor to end everything; it needs well under one."""


class ServerProcess:
    """A tritonserver under its supervisor."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        variables: dict[str, str],
        log: Path,
        folder: WorkFolder,
        niceness: int = 0,
    ) -> None:
        """Start it; ``folder`` now belongs to the server, and goes with it."""
        options = {
            "client": os.getpid(),
            "command": list(command),
            "niceness": niceness,
            "work": str(folder.path),
            "shm_prefix": folder.shm_prefix,
        }
        self._owner = os.getpid()
        self._folder = folder
        self._said = b""
        self._exit: int | None = None
        self._reading = threading.Lock()
        self._ending = threading.Lock()
        self._ended = False
        # A session of its own: Ctrl-C in the terminal is for the client, which then stops it.
        with log.open("ab") as words:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                env=variables,
                start_new_session=True,
                cwd="/",
                pass_fds=[folder.lock],
            )
        assert self._supervisor.stdout is not None
        os.set_blocking(self._supervisor.stdout.fileno(), False)
        self.pid = 0
        while not self.pid and self._read(None):
            pass
        if not self.pid:
            self.stop()
            raise LocalServerError(f"the embedded server's supervisor ended at once (log: {log})")

    def exit_status(self) -> int | None:
        """Return how the server ended; None while it runs."""
        return self.wait(0.0)

    def wait(self, timeout: float | None) -> int | None:
        """Sleep until the server ends or ``timeout`` seconds; return its exit status or None."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._exit is None:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not self._read(left):
                break
        return self._exit

    def stop(self) -> None:
        """End it, and return when nothing is left. Safe from any thread, and more than once.

        A thread that waits in ``wait`` returns.
        """
        if os.getpid() != self._owner:
            return  # a forked child has a copy of the leash, and no say
        with self._ending:
            if self._ended:
                return
            self._ended = True
            self._end()

    def _end(self) -> None:
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            # A word, because a forked child may hold this end open.
            self._supervisor.stdin.write(b"stop\n")
            self._supervisor.stdin.close()
        try:
            self._supervisor.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()  # and with it, by the kernel, the server
            self._supervisor.wait()
        with self._reading:
            self._supervisor.stdout.close()
        # The supervisor has done this, unless it was killed.
        self._folder.remove()

    def _read(self, timeout: float | None) -> bool:
        """Take in what the supervisor says; return False if there was nothing in time."""
        stream = self._supervisor.stdout
        assert stream is not None
        try:
            waiting = select.poll()  # select() knows no descriptors above 1023
            waiting.register(stream, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                return False
        except (OSError, ValueError):
            return False  # closed by stop()
        with self._reading:
            if stream.closed:
                return False
            try:
                piece = os.read(stream.fileno(), 4096)
            except BlockingIOError:
                return True  # another thread was faster
            if not piece:
                # The supervisor is gone, and the server with it.
                self._exit = -9 if self._exit is None else self._exit
                return False
            *lines, self._said = (self._said + piece).split(b"\n")
            for line in lines:
                fact = json.loads(line)
                self.pid = fact.get("pid", self.pid)
                self._exit = fact.get("exit", self._exit)
        return True
