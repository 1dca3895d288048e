"""Holds tritonserver on a leash: it dies with its client, however the client dies.

Run by path as a program of its own (``python -I -S supervisor.py OPTIONS``, standard library
only) in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. It starts
tritonserver in one process group with its stubs and ends the whole group when

- a line ``stop SECONDS`` arrives on standard input (drain that long, then kill),
- standard input ends, or the client's process does: killed, crashed or gone,
- it is itself told to end.

On standard output it says, in JSON lines, ``{"pid": N}`` after the start and ``{"exit": STATUS}``
when tritonserver has ended; standard error is the log. At last it removes what Triton left in
/dev/shm, and the work folder. If it is itself killed, the kernel kills the group (``_leash``).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

PR_SET_CHILD_SUBREAPER = 36
Server: TypeAlias = "subprocess.Popen[bytes]"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


class Supervisor:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
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
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        parent = _open_process(self.options["client"])
        end, self.held = os.pipe()
        server = subprocess.Popen(
            self.options["command"],
            stdin=subprocess.DEVNULL,
            stdout=2,  # the log
            process_group=0,
            pass_fds=[end],
        )
        _leash(server.pid, end)
        say(pid=server.pid)
        try:
            drain = self._watch(server, parent)
            if drain:
                self._drain(server, parent, drain)
        finally:
            _end(server)
            _reap_stubs()

    def _watch(self, server: Server, parent: int | None) -> float:
        """Returns how many seconds the server may take to finish its requests."""
        said = False
        while True:
            if not said and _has_ended(server):
                _end(server)
                _reap_stubs()
                said = say(exit=server.returncode)
            words = self._wait(parent, None)
            if words is None:
                return 0.0
            if words[:1] == ["stop"]:
                return float(words[1])

    def _drain(self, server: Server, parent: int | None, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        if not _has_ended(server):
            server.send_signal(signal.SIGTERM)
        while not _has_ended(server) and time.monotonic() < deadline:
            words = self._wait(parent, deadline - time.monotonic())
            if words is None or words:
                return  # no more time

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


def _leash(group: int, end: int) -> None:
    """Have the kernel kill the process group when the other end of this pipe is closed.

    Only this process holds the other end, so that is when it dies. The group's processes have
    inherited this one. Stubs do look whether their parent lives, but can hang in doing so; and
    PR_SET_PDEATHSIG in a stub would fire when the thread of Triton that started it ends.
    """
    fcntl.fcntl(end, fcntl.F_SETOWN, -group)
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    os.close(end)


def _has_ended(server: Server) -> bool:
    """Without waiting for it: as long as it is not, its process group's number is its own."""
    if server.returncode is not None:
        return True
    return os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(server: Server) -> None:
    """Kill the whole process group, whatever is left of it, and wait for tritonserver."""
    if server.returncode is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _reap_stubs() -> None:
    """Stubs lose their parent and become children of this process; after this none is left."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def clean(work: Path, shm_prefix: str) -> None:
    """Remove the work folder and what Triton left in shared memory."""
    for left in SHARED_MEMORY.glob(f"{shm_prefix}*"):
        left.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def main() -> None:
    options = json.loads(sys.argv[1])
    try:
        Supervisor(options).run()
    finally:
        clean(Path(options["work"]), options["shm_prefix"])


if __name__ == "__main__":
    main()
