"""The supervisor gives tritonserver its key where no list of processes shows it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from allclient.local import supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server runs on Linux alone")

TELL = """
import pathlib, sys
shown = pathlib.Path("/proc/self/cmdline").read_bytes().decode().split("\\0")
pathlib.Path(sys.argv[1]).write_text("\\n".join([*sys.argv[2:], "---", *shown[4:]]))
"""


def told(tmp_path: Path) -> tuple[list[str], list[str]]:
    """What a program got as its last arguments, and what a list of processes shows."""
    file = tmp_path / "told"
    words = ["--first=a:b=<secret>", "--plain", "--second=<secret>"]
    end, held = os.pipe()
    command = [sys.executable, "-c", TELL, str(file), *words]
    server = supervisor._start(command, "k3y", end)
    assert server.wait() == 0
    os.close(end)
    os.close(held)
    got, _, shown = file.read_text().partition("\n---\n")
    return got.split("\n"), shown.rstrip("\n").split("\n")


def test_the_program_gets_the_key_and_nobody_sees_it(tmp_path: Path) -> None:
    got, shown = told(tmp_path)
    assert got == ["--first=a:b=k3y", "--plain", "--second=k3y"]
    assert shown == ["--first=a:b=<secret>", "--plain", "--second=<secret>"]


def test_where_ptrace_is_forbidden_it_starts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden() -> None:
        raise PermissionError

    monkeypatch.setattr(supervisor, "_let_trace", forbidden)
    got, shown = told(tmp_path)
    assert got == shown == ["--first=a:b=k3y", "--plain", "--second=k3y"]
    assert "ps shows the key" in capsys.readouterr().err


def test_where_its_memory_cannot_be_written_it_starts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(supervisor, "_give_secret", forbidden)
    got, _ = told(tmp_path)
    assert got == ["--first=a:b=k3y", "--plain", "--second=k3y"]
    assert "ps shows the key" in capsys.readouterr().err
