"""Says in words why a process ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

from allclient.local import triton_log

_COUNTERS: Final = Path("/proc/vmstat")

_MEANINGS: Final = {
    "SIGSEGV": "a crash",
    "SIGABRT": "a crash",
    "SIGBUS": "a crash; often no room in /dev/shm",
    "SIGFPE": "a crash",
    "SIGILL": "a crash; perhaps a processor too old",
    "SIGKILL": "from outside",
    "SIGTERM": "from outside",
}


def oom_kills() -> int:
    """Return how many processes this machine's kernel ended for want of memory; 0 if unknown."""
    try:
        for line in _COUNTERS.read_text("ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    except (OSError, ValueError):
        pass
    return 0


def of(who: str, status: int, *, oom_kills_before: int, log: str = "") -> str:
    """Return a sentence about the end of ``who``; ``status`` is as subprocess has it."""
    number = -status if status < 0 else triton_log.signal_received(log)
    words = f": {triton_log.last_words(log)}" if log else ""
    if number is None:
        return f"{who} ended by itself with status {status}{words}"
    name = _name(number)
    if name == "SIGKILL" and oom_kills() > oom_kills_before:
        return (
            f"{who} was ended by SIGKILL, most likely by the kernel for want of memory; fewer "
            "images in flight (--in-flight) need less"
        )
    meaning = f" ({_MEANINGS[name]})" if name in _MEANINGS else ""
    last = words if name == "SIGABRT" else ""  # C++ says why before it
    return f"{who} was ended by {name}{meaning}{last}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
