"""Finds the processes of Triton's Python models, as the kernel shows them.

Triton starts one for each instance of a model and never another: when one ends, it stays a zombie,
and every request that gets to it fails a second later ("Stub process is not healthy").
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_INSTANCE: Final = re.compile(r"_\d+_\d+$")

STOPPED_LIMIT: Final = 5.0
"""Seconds after which a process that was stopped, not ended, is not waited for any longer."""

# Fields of /proc/PID/stat, counted from the one behind the name, which may hold anything.
_STATE, _PARENT, _USER_TIME, _SYSTEM_TIME, _EXIT_CODE = 0, 1, 11, 12, 49


@dataclass(frozen=True, slots=True)
class Stub:
    """One process of a model."""

    pid: int
    model: str
    """Empty where it had ended before anybody looked."""
    server: int

    @property
    def who(self) -> str:
        """The process in words."""
        return f"a process of the model {self.model}" if self.model else "a process of a model"

    def is_stopped(self) -> bool:
        """Return whether SIGSTOP or a debugger stopped it.

        The requests that get to it fail, those of its siblings do not, so that the server as a
        whole still answers.
        """
        fields = _fields(self.pid)
        return fields is not None and fields[_STATE] in "Tt"

    def exit_status(self) -> int | None:
        """Return how it ended, as subprocess has it; None while it runs.

        It is None as well if its server ended first: a process whose parent has ended has another
        one.
        """
        fields = _fields(self.pid)
        if fields is None or fields[_STATE] not in "ZX" or fields[_PARENT] != str(self.server):
            return None
        code = int(fields[_EXIT_CODE])  # as wait() has it
        return -(code & 0x7F) if code & 0x7F else code >> 8


def find(server: int) -> list[Stub]:
    """Return the stubs of the server with this process number."""
    stubs = []
    for folder in _PROCESSES.iterdir():
        if not folder.name.isdecimal():
            continue
        fields = _fields(int(folder.name))
        if fields is None or fields[_PARENT] != str(server):
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        # STUB MODEL ... INSTANCE BACKEND and an empty one
        instance = words[-3].decode(errors="replace") if len(words) > 3 else ""
        stubs.append(Stub(int(folder.name), _INSTANCE.sub("", instance), server))
    return stubs


def processor_seconds(pids: list[int]) -> float:
    """Return the processor time that the processes have used since they began."""
    ticks = 0
    for pid in pids:
        if (fields := _fields(pid)) is not None:
            ticks += int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    return ticks / _TICKS


def _fields(pid: int) -> list[str] | None:
    """Return the fields of a process; None if there is no such process any more."""
    try:
        text = (_PROCESSES / str(pid) / "stat").read_text("ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
