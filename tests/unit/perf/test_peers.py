"""A peer that does not start is said, and the rest of the benchmark goes on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bench
import peer_servers
import pytest


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers run in this environment, and nothing is installed."""
    monkeypatch.setattr(peer_servers, "environment", lambda: Path(sys.executable).parent)


def start(name: str, tmp_path: Path) -> None:
    with peer_servers.peer(name, [b"image"], tmp_path, tmp_path, tmp_path / "log"):
        pass


@pytest.mark.usefixtures("here")
def test_a_peer_that_ends_says_where_its_words_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = replace(
        peer_servers.PEERS["litserve"], command=lambda _: ["python", "-c", "exit('no module')"]
    )
    monkeypatch.setitem(peer_servers.PEERS, "broken", broken)
    with pytest.raises(peer_servers.PeerError, match=r"ended with status 1; .*log"):
        start("broken", tmp_path)
    assert "no module" in (tmp_path / "log").read_text("utf-8")


@pytest.mark.usefixtures("here")
def test_a_peer_joins_no_cluster_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    shows = "import os; exit(f'RAY_ADDRESS is {os.environ.get(\"RAY_ADDRESS\")}')"
    monkeypatch.setitem(
        peer_servers.PEERS,
        "shows",
        replace(peer_servers.PEERS["ray_serve"], command=lambda _: ["python", "-c", shows]),
    )
    with pytest.raises(peer_servers.PeerError):
        start("shows", tmp_path)
    assert "RAY_ADDRESS is None" in (tmp_path / "log").read_text("utf-8")


def test_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> Any:
        raise peer_servers.PeerError("it ended with status 1")

    def subjects(*_: Any) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        yield "peers", "broken", fail
        yield "peers", "whole", lambda: 7

    monkeypatch.setattr(bench, "subjects", subjects)
    (tmp_path / "a.png").write_bytes(b"")
    options = argparse.Namespace(images=tmp_path, rounds=2)
    assert bench.rounds(options, ["peers"]) == {"peers": {"whole": [7, 7]}}
    assert capsys.readouterr().err.count("broken is left out: it ended with status 1") == 1
