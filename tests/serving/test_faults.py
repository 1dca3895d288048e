"""Two faults of deploy/torture in a short form: a network that breaks, and many clients at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torture_faults
from torture_load import Load

from samples import render

if TYPE_CHECKING:
    from allclient.local import LocalServer


@pytest.fixture
def load(server: LocalServer) -> Load:
    return Load(server.grpc_address, render.encoded(count=6, seed=3))


def test_connections_that_are_slow_and_cut(server: LocalServer, load: Load) -> None:
    found = torture_faults.through_a_bad_network(load, server.grpc_address, 30)
    assert (found.tried, found.lost) == (120, 0), found.notes
    assert set(found.faults) == {"connections cut soon", "connections slow and cut"} | {
        "connections cut late"
    }


def test_many_clients_at_once(server: LocalServer, load: Load) -> None:
    found = torture_faults.at_once(load, server.grpc_address, 60)
    assert (found.tried, found.lost) == (180, 0), found.notes
