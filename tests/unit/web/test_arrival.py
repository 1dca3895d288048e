"""A server that is not there when the page starts."""

from __future__ import annotations

import pytest

from allclient.errors import ServerUnavailableError
from allclient.store import Store, cases, fields
from allclient.transport import Health
from allclient.web import arrival
from allclient.web.program import Program
from tests.unit.store.made import ANNA, accepted, picture
from tests.unit.web.conftest import Double
from tests.waiting import until


class Server(Double):
    """A server that is away until ``comes``."""

    address = "nowhere:1"

    def __init__(self, *problems: str) -> None:
        super().__init__()
        self.comes = False
        self.asked_how = 0
        self.problems = problems

    def health(self, *, timeout: float) -> Health:
        self.asked_how += 1
        if not self.comes:
            raise ServerUnavailableError("no server answers at nowhere:1")
        ok = not self.problems
        return Health(self.address, True, True, "all_ensemble", ok, ("1",), None, self.problems)


def state(store: Store, field_id: int) -> str:
    with store.read() as session:
        return fields.get(session, field_id).state


def test_a_server_that_comes_later_is_waited_for_and_told_once(page: Program, store: Store) -> None:
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow 12").id
    field_id = accepted(store, case_id, picture()).id
    server, told = Server(), list[str]()
    with page.working(), arrival.awaited(page.worker, server, told.append, pause=0.01):
        until(lambda: server.asked_how > 3, "asking again")
        assert not page.worker.ready
        assert "(no server answers at nowhere:1); new fields wait" in page.worker.status
        assert told == [page.worker.status]
        server.comes = True
        until(lambda: page.worker.ready, "the server")
        until(lambda: state(store, field_id) == "answered", "the answer")
    assert told[1:] == ["The server at nowhere:1 answers now, and reads what waits."]


def test_a_server_that_says_what_it_lacks_is_told(page: Program) -> None:
    server, told = Server("the model all_ensemble is not there"), list[str]()
    server.comes = True
    with page.working(), arrival.awaited(page.worker, server, told.append):
        until(lambda: told, "the problem")
        assert told == [page.worker.status]
        assert "cannot read fields yet: the model all_ensemble is not there" in told[0]


@pytest.mark.parametrize("comes", [True, False])
def test_the_wait_ends_with_the_page(page: Program, comes: bool) -> None:
    server = Server()
    server.comes = comes
    with page.working(), arrival.awaited(page.worker, server, lambda _: None, pause=600):
        until(lambda: server.asked_how, "the first question")
