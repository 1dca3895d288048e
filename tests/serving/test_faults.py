"""Two faults of deploy/torture in a short form: a network that breaks, and many clients at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torture_faults
from torture_load import Load

from allclient.local import stubs, supervisor
from allclient.transport import Retry
from samples import render

if TYPE_CHECKING:
    from allclient.local import LocalServer


@pytest.fixture
def load(server: LocalServer) -> Load:
    return Load(server.grpc_address, render.encoded(count=6, seed=3))


def test_where_memory_runs_out_the_kernel_ends_the_server_first(server: LocalServer) -> None:
    for pid in (server.pid, *(one.pid for one in stubs.find(server.pid))):
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= supervisor.OFFERED


def test_processes_that_are_suspended_for_a_while_give_their_answers(
    server: LocalServer, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triton as it is gives up what they have, and takes their late answers for later ones."""
    monkeypatch.setattr(stubs, "STOPPED_LIMIT", 60.0)
    pid, over = server.pid, threading.Event()
    load.retry = Retry(seconds=0)
    working = threading.Thread(
        target=load.run, args=([server.grpc_address] * 2, lambda _: not over.is_set())
    )
    working.start()
    try:
        of_models = {one.model: one for one in stubs.find(pid)}
        for model in ("preprocess", "vote", "all_cascade"):
            before = load.tried
            while load.tried < before + 8:
                assert working.is_alive(), load.errors
                time.sleep(0.05)
            os.kill(of_models[model].pid, signal.SIGSTOP)
            time.sleep(2.5)
            os.kill(of_models[model].pid, signal.SIGCONT)
    finally:
        over.set()
        working.join()
    assert load.lost == 0, load.errors
    assert load.tried > 24
    assert server.pid == pid


def test_connections_that_are_slow_and_cut(server: LocalServer, load: Load) -> None:
    found = torture_faults.through_a_bad_network(load, server.grpc_address, 30)
    assert (found.tried, found.lost) == (120, 0), found.notes
    assert set(found.faults) == {"connections cut soon", "connections slow and cut"} | {
        "connections cut late"
    }


def test_many_clients_at_once(server: LocalServer, load: Load) -> None:
    found = torture_faults.at_once(load, server.grpc_address, 60)
    assert (found.tried, found.lost) == (180, 0), found.notes
