"""Meets the standard streams as a command finds them: closed, full, broken, or without a reader.

Results that standard output does not take end the command (OutputError, BrokenPipeError). What
standard error does not take is left unsaid, and changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from allclient.errors import OutputError
from allclient.report import writing

STOPPING: Final = threading.Event()
"""Set once a signal has come: from then on nothing waits for a reader of standard error."""

_STEP: Final = 0.2
"""Seconds between two looks whether ``STOPPING`` is set."""

_NAME: Final = "standard output"


def open_closed() -> None:
    """Give a standard stream that is closed (``>&-``) a descriptor, before a file takes it.

    Standard output and input get one that cannot be used, so that trying says what is wrong.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            _open_null(number, flags)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Let standard output raise our errors, and standard error none."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Results(sys.stdout), _Messages(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class StandardOutput:
    """Standard output for bytes, without a buffer: all is out when ``write`` returns."""

    def __init__(self, stream: BinaryIO) -> None:
        self._raw = getattr(stream, "raw", stream)

    def write(self, data: bytes) -> None:
        """Write all bytes, and wait for a reader that is slow."""
        left = memoryview(data)
        with _failures_told(self._raw):
            while left:
                written = self._raw.write(left)
                if written is None:  # whoever made the pipe does not want to be waited for
                    select.select([], [self._raw], [])
                left = left[written or 0 :]

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


class _Stream:
    """Passes on to a text stream what it does not do itself."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Results(_Stream):
    def write(self, text: str) -> int:
        if text == "":  # click tries so what kind of stream it is, and ignores the answer
            return 0
        with _failures_told(self._stream):
            written: int = self._stream.write(text)
        return written

    def flush(self) -> None:
        with _failures_told(self._stream):
            self._stream.flush()

    @property
    def buffer(self) -> StandardOutput:
        return StandardOutput(self._stream.buffer)


class _Messages(_Stream):
    def write(self, text: str) -> int:
        with self._failures_ignored():
            if self._has_reader():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._failures_ignored():
            self._stream.flush()

    def _has_reader(self) -> bool:
        """Wait until it takes more; return False once nobody reads and the command ends."""
        try:
            number = self._stream.fileno()
        except (OSError, ValueError):
            return True  # no real file, as in tests
        try:
            while not select.select([], [number], [], _STEP)[1]:
                if STOPPING.is_set():
                    return False
        except OSError:
            pass  # on Windows only sockets can be asked
        return True

    @contextlib.contextmanager
    def _failures_ignored(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            _forget(self._stream)


@contextlib.contextmanager
def _failures_told(stream: Any) -> Iterator[None]:
    try:
        with writing(_NAME):
            yield
    except (BrokenPipeError, OutputError):
        _forget(stream)
        raise


def _forget(stream: Any) -> None:
    """Drop what is left in a stream's buffer: the interpreter writes it again at its end."""
    with contextlib.suppress(OSError, ValueError):
        _open_null(stream.fileno(), os.O_WRONLY)


def _open_null(number: int, flags: int) -> None:
    descriptor = os.open(os.devnull, flags)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.set_inheritable(number, True)
