"""Both clients over several servers: work is shared, and what one loses another one does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import grpc
import pytest

from allclient import Client, Label
from allclient.errors import (
    ConfigurationError,
    ModelNotReadyError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.transport import Connection, Retry, TlsOptions
from allclient.transport.options import parse_addresses
from allclient.transport.raw import RawCalls
from allclient.transport.servers import Servers
from tests.unit.client.kserve import MALIGNANT_ANSWER, Answer, KServe, Refused

QUICK = Retry(first=0.01, longest=0.05)
DRAINS = [
    (
        grpc.StatusCode.UNAVAILABLE,
        "Server is stopping, 'x' stopped accepting new inference requests",
    ),
    (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' has no available versions"),
    (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' is not at ready state"),
]


@pytest.fixture
def three() -> Iterator[list[KServe]]:
    with ExitStack() as stack:
        yield [stack.enter_context(KServe()) for _ in range(3)]


def address(servers: list[KServe]) -> str:
    return ",".join(server.address for server in servers)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def check_all(outcomes: list[Any], count: int) -> None:
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert [outcome.source for outcome in outcomes] == numbered(count)


class TestChoice:
    def test_the_least_busy_is_chosen_and_of_equals_the_one_that_rested(self) -> None:
        servers = Servers(Connection("a,b,c").each())
        with ExitStack() as stack:
            taken = [stack.enter_context(servers.chosen()).number for _ in range(7)]
            assert sorted(taken[:3]) == sorted(taken[3:6]) == [0, 1, 2]
            assert all(one != other for one, other in pairwise(taken))
        with servers.chosen() as one, servers.chosen() as other:
            assert one is not other

    def test_one_that_is_away_gets_one_image_at_a_time_after_a_rest_that_grows(self) -> None:
        now = [100.0]
        servers = Servers(Connection("a,b").each(), clock=lambda: now[0])
        gone = next(iter(servers))
        rests = []
        for _ in range(8):
            servers.missed(gone)
            servers.missed(gone)  # others of that moment count once
            began = now[0]
            while True:
                with servers.chosen() as first, servers.chosen() as second:
                    pass
                if gone in (first, second):
                    break
                now[0] += 0.5
            rests.append(now[0] - began)
            with servers.chosen() as one, servers.chosen() as other, servers.chosen() as third:
                assert [one, other, third].count(gone) <= 1
        assert rests == [1, 2, 4, 8, 16, 30, 30, 30]
        servers.answered(gone)
        with servers.chosen() as one, servers.chosen() as other:
            assert gone in (one, other)

    def test_where_all_are_away_the_one_that_rested_longest_is_asked(self) -> None:
        servers = Servers(Connection("a,b").each())
        for server in servers:
            servers.missed(server)
        with servers.chosen() as server:
            assert server.number == 0
        assert not any(servers.another_is_there(server) for server in servers)

    def test_a_single_one_is_always_chosen(self) -> None:
        (only,) = servers = Servers(Connection("a").each())
        servers.missed(only)
        with servers.chosen() as one, servers.chosen() as other:
            assert one is other is only
        assert not servers.another_is_there(only)


class TestList:
    def test_addresses_stand_once_each_with_their_port(self) -> None:
        listed = parse_addresses("a, b:9001,grpc://[::1],a:8001")
        assert listed == ("a:8001", "b:9001", "[::1]:8001")

    @pytest.mark.parametrize("given", ["", "a,,b", "a,", "a,http://b"])
    def test_a_list_with_a_fault_is_refused(self, given: str) -> None:
        with pytest.raises(ConfigurationError, match="server address"):
            parse_addresses(given)

    def test_one_of_them_over_the_network_is_enough_to_keep_the_token_back(self) -> None:
        with pytest.raises(ConfigurationError, match="unencrypted"):
            Connection("localhost,triton.example", token="word")
        Connection("localhost,127.0.0.1:9", token="word")

    def test_with_tls_each_server_is_held_against_its_own_name(self) -> None:
        each = Connection("a:1,b:2", tls=TlsOptions()).each()
        assert [one.client_arguments()["url"] for one in each] == ["a:1", "b:2"]


def test_the_work_is_shared(three: list[KServe], connect: Any) -> None:
    check_all(list(connect(address(three)).classify_many(numbered(90), in_flight=9)), 90)
    asked = [server.asked for server in three]
    assert sum(asked) == 90
    assert min(asked) >= 10


@pytest.mark.parametrize("in_flight", [1, 8])
def test_one_that_ends_at_its_work_loses_nothing(
    three: list[KServe], connect: Any, in_flight: int
) -> None:
    ending = threading.Event()

    def respond(_: bytes) -> Answer:
        if sum(server.asked for server in three) > 40 and not ending.is_set():
            ending.set()
            threading.Thread(target=three[1].stop).start()
        return MALIGNANT_ANSWER

    for server in three:
        server.respond = respond
    client = connect(address(three), retry=QUICK)
    check_all(list(client.classify_many(numbered(200), in_flight=in_flight)), 200)
    assert ending.is_set()


def test_one_that_is_not_there_from_the_first_costs_one_try(
    three: list[KServe], connect: Any
) -> None:
    three[0].stop()
    client = connect(address(three), retry=Retry(first_contact=0.0))
    check_all(list(client.classify_many(numbered(30), in_flight=3)), 30)


@pytest.mark.parametrize(("status", "words"), DRAINS)
def test_one_that_drains_is_left_alone_after_its_first_word(
    three: list[KServe], connect: Any, status: grpc.StatusCode, words: str
) -> None:
    def respond(_: bytes) -> Answer:
        raise Refused(status, words)

    three[2].respond = respond
    client = connect(address(three), retry=Retry(first=3600, longest=3600))
    check_all(list(client.classify_many(numbered(60), in_flight=6)), 60)
    assert three[2].asked < 20  # those in flight at that moment, and trials


def test_one_that_freezes_costs_a_deadline_and_no_image(
    three: list[KServe], connect: Any, release: threading.Event
) -> None:
    def respond(_: bytes) -> Answer:
        release.wait()
        return MALIGNANT_ANSWER

    three[0].respond = respond
    client = connect(address(three), retry=QUICK, timeout=1.0)
    check_all(list(client.classify_many(numbered(30), in_flight=6)), 30)


def test_where_all_freeze_each_is_asked_once(
    three: list[KServe], connect: Any, release: threading.Event
) -> None:
    def respond(_: bytes) -> Answer:
        release.wait()
        return MALIGNANT_ANSWER

    for server in three:
        server.respond = respond
    with pytest.raises(ServerTimeoutError):
        connect(address(three), retry=QUICK, timeout=1.0).classify(b"x")
    assert [server.asked for server in three] == [1, 1, 1]


def test_a_refusal_by_a_restricted_protocol_is_final_and_named(
    three: list[KServe], connect: Any
) -> None:
    def respond(_: bytes) -> Answer:
        raise Refused(grpc.StatusCode.UNAVAILABLE, "This protocol is restricted, expecting 'x'")

    for server in three:
        server.respond = respond
    with pytest.raises(ConfigurationError, match="refuses this client") as caught:
        connect(address(three), retry=QUICK).classify(b"x")
    assert sum(server.asked for server in three) == 1
    (asked,) = [server for server in three if server.asked]
    assert f"the server at {asked.address} refuses" in str(caught.value)


def test_a_server_without_the_model_is_named(three: list[KServe], connect: Any) -> None:
    def respond(_: bytes) -> Answer:
        raise Refused(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' is not found")

    three[0].respond = respond
    with pytest.raises(ModelNotReadyError, match=f"at {three[0].address} does not serve"):
        list(connect(address(three), retry=QUICK).classify_many(numbered(9), in_flight=1))


def test_all_away_is_an_error(three: list[KServe], connect: Any) -> None:
    for server in three:
        server.stop()
    with pytest.raises(ServerUnavailableError):
        connect(address(three), retry=Retry(first_contact=0.1, first=0.01)).classify(b"x")


class TestHealth:
    def test_it_is_that_of_the_first_with_a_problem(
        self, three: list[KServe], connect: Any
    ) -> None:
        client = connect(address(three))
        assert client.call("health").address == three[0].address
        three[1].model_ready = False
        health = client.call("health")
        assert (health.ok, health.address) == (False, three[1].address)

    def test_those_that_are_away_do_not_count_while_one_answers(
        self, three: list[KServe], connect: Any
    ) -> None:
        client = connect(address(three))
        three[0].stop()
        assert client.call("health").address == three[1].address
        assert client.call("server_metadata").name == "triton"
        for server in three[1:]:
            server.stop()
        with pytest.raises(ServerUnavailableError, match=three[0].address):
            client.call("health")


def test_load_goes_to_each_in_turn(three: list[KServe]) -> None:
    calls = RawCalls(Connection(address(three)), [b"x"])
    for number in range(12):
        calls.send(number)
    calls.close()
    assert [server.asked for server in three] == [4, 4, 4]


class TestName:
    """``localhost`` has two addresses, by gRPC's own resolver: 127.0.0.1 and ::1."""

    @pytest.fixture
    def pair(self) -> Iterator[list[KServe]]:
        with KServe() as first, KServe() as second:
            second.stop()
            port = first.address.rpartition(":")[2]
            try:
                second.start(f"[::1]:{port}")
            except RuntimeError:
                pytest.skip("this machine has no IPv6")
            yield [first, second]

    def test_its_addresses_share_the_work_and_one_may_end(
        self, pair: list[KServe], connect: Any
    ) -> None:
        port = pair[0].address.rpartition(":")[2]
        client = connect(f"localhost:{port}", retry=QUICK)
        check_all(list(client.classify_many(numbered(100), in_flight=4)), 100)
        if 0 in (asked := [server.asked for server in pair]):
            pytest.skip(f"localhost has a single address here: {asked}")
        pair[1].stop()
        check_all(list(client.classify_many(numbered(100), in_flight=4)), 100)

    def test_where_nobody_listens_the_reason_is_told(self, server: KServe) -> None:
        port = server.address.rpartition(":")[2]
        server.stop()
        reason = f"localhost:{port} .*refused"
        with (
            Client(f"localhost:{port}", retry=Retry(seconds=0)) as client,
            pytest.raises(ServerUnavailableError, match=reason),
        ):
            client.classify(b"x")

    def test_an_answer_reaches_the_client(self, server: KServe, connect: Any) -> None:
        port = server.address.rpartition(":")[2]
        assert connect(f"localhost:{port}").classify(b"benign").label is Label.BENIGN
