"""Checks what gRPC needs of this machine: without it, gRPC ends the whole process (SIGABRT)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import Final

from allclient.errors import ConfigurationError
from allclient.threads import no_thread

_THREADS: Final = 12
_DESCRIPTORS: Final = 6

_SPARE: Final = 8
"""Threads to leave to gRPC, which takes some when calls are made and when they have come back."""

_checked = threading.Event()


def check_limits() -> None:
    """Check once in a process that there are enough threads and descriptors.

    Raises:
        ConfigurationError: there are too few.
    """
    if not _checked.is_set():
        _check_descriptors()
        if not _can_start(_THREADS):
            raise no_thread()
        _checked.set()


def may_take_a_thread() -> bool:
    """Return whether enough threads are left: a call that finds none never ends."""
    return _can_start(_SPARE + 1)


def never_collect(thing: object) -> None:
    """Keep an object until the process ends, and through its end."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _check_descriptors() -> None:
    with contextlib.ExitStack() as stack:
        try:
            for _ in range(_DESCRIPTORS):
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            raise ConfigurationError(
                f"a connection needs {_DESCRIPTORS} file descriptors: {error.strerror}; "
                "raise the limit (ulimit -n)"
            ) from error


def _can_start(count: int) -> bool:
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=end.wait, name="allclient-check", daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:  # "can't start new thread"
        return False
    finally:
        end.set()
        for thread in started:
            thread.join()
    return True
