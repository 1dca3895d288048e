"""Connects to a Ray cluster, or starts one on this machine that nobody else can reach.

``ray stop`` is never used: it would end every Ray of the user. What is started here ends with
``ray.shutdown()``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, Final

from allclient.errors import ConfigurationError, LocalServerError

_MIN_CPUS: Final = 4
"""Logical processors: with fewer, Ray Data can wait for ever without a word."""

_TRIES: Final = 4
"""Starts: Ray gives up after 30 seconds, which a busy machine may take."""

_OBJECTS: Final = 200_000_000
"""Bytes of shared memory for Ray's objects: the rows that pass through it are small."""

QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}

_JOINING: Final = {
    # Tries to connect, whatever the name says, each of 40 seconds; Ray's own number is twenty.
    "RAY_gcs_server_port_wait_time_s": "2",
}

_PATIENCE: Final = 5.0
"""Seconds for a connection to the head of a cluster."""

_HOST_AND_PORT: Final = re.compile(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)/?")

ALONE: Final = {
    # The switch is named for Windows and macOS. Off, it makes Ray take 127.0.0.1 for this
    # machine and listen there alone, on Linux too; with any other address it listens on all.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
}


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Connect to the cluster at ``address``; start one here if it is None. Yields ``ray``.

    Raises:
        ConfigurationError: there is no cluster at ``address``.
        LocalServerError: none can be started here.
    """
    _set(QUIET)
    if address is None:
        _set({**ALONE, "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    else:
        _set(_JOINING)
        _knock(address)
    import ray

    with contextlib.ExitStack() as stack:
        with _handlers_kept():
            if address is None:
                _start(ray, stack)
            else:
                _join(ray, address)
        stack.callback(ray.shutdown)
        yield ray


def _knock(address: str) -> None:
    """Check that something listens where the head of a cluster should."""
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None:
        return  # "auto", or another of Ray's words
    try:
        socket.create_connection((match[1], int(match[2])), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"there is no Ray cluster at {address}: {reason}") from error


def _join(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, **_said())
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"there is no Ray cluster at {address}: {error}") from error


def _start(ray: Any, stack: contextlib.ExitStack) -> None:
    # A short path: Ray makes sockets below it, whose names have a limit of 107 bytes.
    folder = tempfile.mkdtemp(prefix="allclient-ray-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    for last in (*[False] * (_TRIES - 1), True):
        try:
            ray.init(
                address="local",
                num_cpus=max(os.cpu_count() or 1, _MIN_CPUS),
                include_dashboard=False,
                object_store_memory=_OBJECTS,
                _temp_dir=folder,
                **_said(),
            )
        except Exception as error:  # it has no class of its own for a start that takes too long
            ray.shutdown()
            if last:
                raise LocalServerError(f"Ray does not start on this machine: {error}") from error
        else:
            return


def _said() -> dict[str, Any]:
    """Return options that keep Ray's words from standard error."""
    return {
        "configure_logging": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
    }


def _set(variables: dict[str, str]) -> None:
    """Set variables that Ray reads when it is imported, and leave what the user has set."""
    for name, value in variables.items():
        if "ray" in sys.modules and name in ALONE and os.environ.get(name) != value:
            raise ConfigurationError(
                "Ray was imported before, and would listen on the network: name a cluster, or "
                f"set {name}={value} before the import"
            )
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Give SIGINT and SIGTERM back to whoever had them: Ray takes the latter."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
