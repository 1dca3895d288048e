"""Holds tritonserver on a leash: it dies with its client, however the client dies.

Run by path as a program of its own (``python -I -S supervisor.py OPTIONS``, standard library
only) in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. It starts
tritonserver in one process group with its stubs and ends the whole group when

- a line ``stop SECONDS`` arrives on standard input (drain that long, then kill),
- standard input ends, or the client's process does: killed, crashed or gone,
- it is itself told to end.

On standard output it says, in JSON lines, ``{"pid": N}`` after the start and ``{"exit": STATUS}``
when tritonserver has ended. At last it removes what Triton left in /dev/shm, and the work folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


class Supervisor:
    def __init__(self, options: dict) -> None:  # type: ignore[type-arg]
        self.options = options
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.wakeup, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.asked_to_end = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _end(self, *_: object) -> None:
        self.asked_to_end = True

    def run(self) -> None:
        # Stubs whose tritonserver dies become children of this process and can be waited for.
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        parent = _open_process(self.options["client"])
        log = os.open(self.options["log"], os.O_WRONLY | os.O_APPEND)
        server = subprocess.Popen(
            self.options["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            # The parent is this process, which has one thread: the signal comes when it dies.
            preexec_fn=lambda: self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
        os.close(log)
        say(pid=server.pid)
        try:
            drain = self._watch(server, parent)
            if drain and server.poll() is None:
                self._drain(server, parent, drain)
        finally:
            _kill_group(server.pid)
            _reap()

    def _watch(self, server: subprocess.Popen, parent: int | None) -> float:  # type: ignore[type-arg]
        """Returns how many seconds the server may take to finish its requests."""
        said = False
        while True:
            if not said and server.poll() is not None:
                said = say(exit=server.returncode)
            words = self._wait(parent, None)
            if words is None:
                return 0.0
            if words[:1] == ["stop"]:
                return float(words[1])

    def _drain(self, server: subprocess.Popen, parent: int | None, seconds: float) -> None:  # type: ignore[type-arg]
        server.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while server.poll() is None and time.monotonic() < deadline:
            if self._wait(parent, deadline - time.monotonic()) is None:
                return

    def _wait(self, parent: int | None, timeout: float | None) -> list[str] | None:
        """Sleep until something happens: the words of a line, [] for less, None for the end."""
        watched = [0, self.wakeup] + ([parent] if parent is not None else [])
        ready, _, _ = select.select(watched, [], [], timeout)
        if self.wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wakeup, 4096)
        if self.asked_to_end or (parent is not None and parent in ready):
            return None
        if 0 in ready:
            line = os.read(0, 4096).decode("ascii", "replace")
            return line.split() if line else None
        return []


def say(**fact: int) -> bool:
    # A client that is gone does not listen; what is to be done does not depend on it.
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(fact).encode() + b"\n")
    return True


def _open_process(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None on kernels without.

    The end of standard input says the same, unless the client left a forked child that holds
    the other end open.
    """
    if os.getppid() != pid:
        sys.exit("the client is gone")
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _reap() -> None:
    """Wait for the server and all its stubs: after this nothing of them is left."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def main() -> None:
    options = json.loads(sys.argv[1])
    try:
        Supervisor(options).run()
    finally:
        for left in SHARED_MEMORY.glob(options["shm_prefix"] + "*"):
            left.unlink(missing_ok=True)
        shutil.rmtree(options["work"], ignore_errors=True)


if __name__ == "__main__":
    main()
