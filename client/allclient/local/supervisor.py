"""Holds tritonserver on a leash: it dies with its client, however the client dies.

Run by path as a program of its own (``python -I -S supervisor.py OPTIONS``, standard library
only) in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. It starts
tritonserver in one process group with its stubs and ends the whole group when

- anything arrives on standard input, or it ends,
- the client's process ends: killed, crashed or gone,
- it is itself told to end.

On standard output it says, in JSON lines, ``{"pid": N}`` after the start and ``{"exit": STATUS}``
when tritonserver has ended; standard error is the log. At last it removes what Triton left in
/dev/shm, and the work folder. If it is itself killed, the kernel kills the group (``_leash``).

Triton takes the key of what is restricted from its command line alone, which every user of the
machine can list. So the key comes here in the environment, the command says SECRET in its place,
and ``_give_secret`` puts it before the eyes of tritonserver alone.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

PR_SET_CHILD_SUBREAPER = 36
Server: TypeAlias = "subprocess.Popen[bytes]"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
SECRET = "<secret>"  # noqa: S105  it stands for one
SECRET_VARIABLE = "ALLCLIENT_ADMIN_KEY"  # noqa: S105
PTRACE_TRACEME = 0
PTRACE_DETACH = 17
OFFERED = 500
"""Points of 1,000 beside the share of memory, by which the kernel chooses whom to end."""
CONNECTIONS = 65_536
"""Descriptors that the server may open, where the system lets it: each connection takes one, and
with the usual 1,024 one client that opens as many shuts out all others."""


def supervise(command: list[str], client: int) -> None:
    """Run tritonserver, and end it when the client ends or says so."""
    signals = _receive_signals()
    # Stubs whose tritonserver dies become children of this process and can be waited for.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reasons_to_end = [0, *_open_process(client)]
    _raise_limit()
    end, held = os.pipe()
    server = _start(command, os.environ.pop(SECRET_VARIABLE, ""), end)
    _leash(server.pid, end)
    _offer(server.pid)
    say(pid=server.pid)
    try:
        while True:
            ready, _, _ = select.select([signals, *reasons_to_end], [], [])
            if ready != [signals] or set(os.read(signals, 4096)) - {signal.SIGCHLD}:
                return
            if server.returncode is None and _has_ended(server):
                _end(server)
                say(exit=server.wait())
    finally:
        _end(server)
        os.close(held)


def _start(command: Sequence[str], secret: str, end: int) -> Server:
    words = [word.replace(SECRET, secret) for word in command]
    hidden = {
        f"{SECRET_VARIABLE}_{place}": word
        for place, word in enumerate(words)
        if word != command[place]
    }

    def popen(argv: Sequence[str], **options: Any) -> Server:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=2, process_group=0, pass_fds=[end], **options
        )

    if not hidden:
        return popen(words)
    server = None
    try:
        server = popen(command, env=os.environ | hidden, preexec_fn=_let_trace)
        _give_secret(server.pid, hidden)
    except (subprocess.SubprocessError, OSError) as error:
        if server is not None:
            server.kill()
            server.wait()
        print(f"ps shows the key: this system forbids to hide it ({error})", file=sys.stderr)  # noqa: T201
        return popen(words)
    return server


def _let_trace() -> None:
    """Have the kernel stop this process at the first instruction of its next program."""
    if ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_TRACEME, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _give_secret(pid: int, hidden: dict[str, str]) -> None:
    """Point the arguments of a process that has not begun at words in its environment.

    A list of processes shows the memory where arguments were put at first; the environment is for
    the process's user alone. At the start the stack holds the number of arguments, the address of
    each, zero, and the addresses of the environment.
    """
    os.waitpid(pid, 0)  # until it is stopped
    stack = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[25])
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:

        def number(at: int) -> int:
            memory.seek(at)
            return int.from_bytes(memory.read(8), "little")

        argv = stack + 8
        variable = argv + 8 * (number(stack) + 1)
        while address := number(variable):
            memory.seek(address)
            name = memory.read(64).partition(b"=")[0].decode("ascii", "replace")
            if name in hidden:
                memory.seek(argv + 8 * int(name.rpartition("_")[2]))
                memory.write((address + len(name) + 1).to_bytes(8, "little"))
            variable += 8
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_DETACH, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _raise_limit() -> None:
    import resource  # here, because the client imports this module also where there is none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _offer(pid: int) -> None:
    """Have the kernel end the server first where memory runs out: it is started again.

    Models are processes of their own, which take this over.
    """
    # Not where this process is offered even more, which an ordinary user may not take back.
    with contextlib.suppress(OSError):
        path = Path(f"/proc/{pid}/oom_score_adj")
        path.write_text(str(max(int(path.read_text()), OFFERED)))


def _receive_signals() -> int:
    """Return a descriptor from which numbers of signals can be read, one a byte."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def say(**fact: int) -> None:
    """Tell the client a fact as a JSON line."""
    # A client that is gone does not listen; what is to be done does not depend on it.
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(fact).encode() + b"\n")


def _open_process(pid: int) -> list[int]:
    """Return a descriptor that becomes readable when the client ends; none on some kernels.

    The end of standard input says the same, unless the client left a forked child that holds
    the other end open.
    """
    if os.getppid() != pid:
        sys.exit("the client is gone")
    try:
        return [os.pidfd_open(pid)]
    except OSError:
        return []


def _leash(group: int, end: int) -> None:
    """Have the kernel kill the process group when the other end of this pipe is closed.

    Only this process holds the other end, so that is when it dies. The group's processes have
    inherited this one. Stubs do look whether their parent lives, but can hang in doing so; and
    PR_SET_PDEATHSIG in a stub would fire when the thread of Triton that started it ends.
    """
    import fcntl  # here, because the client imports this module also where there is none

    fcntl.fcntl(end, fcntl.F_SETOWN, -group)
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    os.close(end)


def _has_ended(server: Server) -> bool:
    """Return whether it ended, without waiting for it: until then its number is its own."""
    return os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(server: Server) -> None:
    """Kill what is left of the process group, and wait until it is gone."""
    if server.returncode is not None:
        return
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def clean(work: Path, shm_prefix: str) -> None:
    """Remove the work folder and what Triton left in shared memory."""
    for left in SHARED_MEMORY.glob(f"{shm_prefix}*"):
        left.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def main() -> None:
    """Supervise as the command line says, and clean up."""
    options = json.loads(sys.argv[1])
    os.nice(options["niceness"])
    try:
        supervise(options["command"], options["client"])
    finally:
        clean(Path(options["work"]), options["shm_prefix"])


if __name__ == "__main__":
    main()
