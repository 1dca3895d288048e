"""Mutated files of every format through the real server: the short form of tests/fuzz/mutate.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz import outside

if TYPE_CHECKING:
    from allclient.local import LocalServer


def test_every_mutated_file_is_answered_or_refused(server: LocalServer) -> None:
    found = outside.run(server.grpc_address, range(20_000, 20_200), 4, 60.0, server.pid)
    assert found["deaths"] == []
    assert found["hangs"] == []
    assert found["unplanned"] == {}
    assert sum(found["outcomes"].values()) == 200
    assert found["outcomes"]["answered"] > 10
    assert server.exit_status() is None
