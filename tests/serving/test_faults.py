"""Two faults of deploy/torture in a short form: a network that breaks, and many clients at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torture_faults
from torture_load import Load

from allclient.local import stubs, supervisor
from samples import render

if TYPE_CHECKING:
    from allclient.local import LocalServer


@pytest.fixture
def load(server: LocalServer) -> Load:
    return Load(server.grpc_address, render.encoded(count=6, seed=3))


def test_where_memory_runs_out_the_kernel_ends_the_server_first(server: LocalServer) -> None:
    for pid in (server.pid, *(one.pid for one in stubs.find(server.pid))):
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= supervisor.OFFERED


def test_connections_that_are_slow_and_cut(server: LocalServer, load: Load) -> None:
    found = torture_faults.through_a_bad_network(load, server.grpc_address, 30)
    assert (found.tried, found.lost) == (120, 0), found.notes
    assert set(found.faults) == {"connections cut soon", "connections slow and cut"} | {
        "connections cut late"
    }


def test_many_clients_at_once(server: LocalServer, load: Load) -> None:
    found = torture_faults.at_once(load, server.grpc_address, 60)
    assert (found.tried, found.lost) == (180, 0), found.notes
