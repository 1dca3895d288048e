from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from allclient.cli.group import run
from tests.unit.client.kserve import KServe


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KServe]:
    """A server that every command of the test uses."""
    with KServe() as running:
        monkeypatch.setenv("ALLCLIENT_SERVER", running.address)
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test, empty."""
    place = tmp_path / "lab"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def write(folder: Path) -> Callable[..., list[str]]:
    """Images by name and content; the names."""

    def files(**contents: str) -> list[str]:
        for name, content in contents.items():
            (folder / f"{name}.jpg").write_bytes(content.encode())
        return [f"{name}.jpg" for name in contents]

    return files


@pytest.fixture
def allclient(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Runs a command in this process, without a terminal."""

    def call(*arguments: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = run(list(arguments))
        captured = capsysbinary.readouterr()
        return Done(code, captured.out.decode(), captured.err.decode())

    return call


def start(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, as a user starts it."""
    return subprocess.Popen([sys.executable, "-m", "allclient", *arguments], **options)  # type: ignore[call-overload,no-any-return]


def environment(**more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return {**plain, "TERM": "xterm-256color", **more}


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Holds answers back until set; set at the end, so that no server thread is left waiting."""
    event = threading.Event()
    yield event
    event.set()
