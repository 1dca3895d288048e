"""Both clients over servers that are away for a while: nothing is lost and nothing comes twice."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from allclient import Label
from allclient.errors import (
    ConfigurationError,
    InferenceError,
    ServerLostError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.transport import Retry
from allclient.transport.riding import MAX_JUMPS, MAX_SHORTAGES
from tests.unit.client.kserve import MALIGNANT_ANSWER, Answer, KServe, Refused
from tests.unit.client.wire import Wire

QUICK = Retry(first=0.01, longest=0.05)


@pytest.fixture
def wire(server: KServe) -> Iterator[Wire]:
    with Wire(server.address) as wire:
        yield wire


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def outage(wire: Wire, seconds: float = 0.1) -> None:
    wire.cut()
    threading.Timer(seconds, wire.mend).start()


def test_a_question_whose_deadline_comes_before_its_time_is_asked_again(
    server: KServe, connect: Any
) -> None:
    client = connect(server)
    server.jumps = MAX_JUMPS
    assert client.call("health").ok
    assert server.jumps == 0
    server.jumps = MAX_JUMPS + 1
    with pytest.raises(ServerTimeoutError):
        client.call("health")
    assert server.jumps == 0


@pytest.mark.parametrize(("ordered", "in_flight"), [(True, 1), (True, 8), (False, 8)])
def test_three_outages_lose_nothing_and_repeat_nothing(
    server: KServe, wire: Wire, connect: Any, ordered: bool, in_flight: int
) -> None:
    count = itertools.count(1)

    def respond(_: bytes) -> Answer:
        if next(count) in (20, 50, 80):
            outage(wire)
        return MALIGNANT_ANSWER

    server.respond = respond
    client = connect(wire.address, retry=QUICK)
    outcomes = list(client.classify_many(numbered(100), ordered=ordered, in_flight=in_flight))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    sources = [outcome.source for outcome in outcomes]
    assert (sources if ordered else sorted(sources, key=int)) == numbered(100)
    assert server.asked > 100  # some were sent again


def test_an_outage_before_the_first_answer_is_ridden_out_too(
    server: KServe, wire: Wire, connect: Any
) -> None:
    once = itertools.count()

    def respond(_: bytes) -> Answer:
        if next(once) == 0:
            outage(wire)
        return MALIGNANT_ANSWER

    server.respond = respond
    client = connect(wire.address, retry=Retry(first=0.01, longest=0.05, first_contact=0.1))
    assert client.classify(b"x").label is Label.MALIGNANT


def test_a_server_that_stays_away_is_given_up(server: KServe, wire: Wire, connect: Any) -> None:
    client = connect(wire.address, retry=Retry(seconds=0.5, first=0.01, longest=0.05))
    assert client.classify(b"x").label is Label.MALIGNANT
    wire.cut()
    with pytest.raises(ServerUnavailableError, match="Connection refused"):
        client.classify(b"x")


def test_a_server_that_was_never_there_is_given_up_sooner(connect: Any, wire: Wire) -> None:
    wire.cut()
    client = connect(wire.address, retry=Retry(seconds=3600, first_contact=0.2, first=0.01))
    with pytest.raises(ServerUnavailableError):
        client.classify(b"x")


def test_no_retry_is_none(server: KServe, connect: Any) -> None:
    with pytest.raises(ServerUnavailableError):
        connect(server, retry=Retry(seconds=0)).classify(b"gone")
    assert server.asked == 1


def test_an_image_that_ends_the_server_becomes_an_error_and_no_other_does(
    server: KServe, wire: Wire, connect: Any
) -> None:
    """As an image does that crashes tritonserver each time, with a supervisor that restarts it."""
    deaths = 0
    alone: list[bool] = []

    def respond(image: bytes) -> Answer:
        nonlocal deaths
        if image == b"40":
            deaths += 1
            alone.append(server.now_in_flight == 1)
            outage(wire)
        return MALIGNANT_ANSWER

    server.respond = respond
    outcomes = list(connect(wire.address, retry=QUICK).classify_many(numbered(100), in_flight=8))
    assert [outcome.source for outcome in outcomes] == numbered(100)
    (bad,) = [outcome for outcome in outcomes if outcome.error]
    assert bad.source == b"40"
    assert isinstance(bad.error, ServerLostError)
    assert bad.error.code == "server_lost"
    assert "4 times" in str(bad.error)
    assert deaths == 4
    assert alone[2:] == [True, True]


@pytest.mark.parametrize(
    "words",
    [
        "Server is stopping, scheduler for model has stopped accepting new inference requests",
        "Request for unknown model: 'all_ensemble' has no available versions",
        "Request for unknown model: 'all_ensemble' is not at ready state",
    ],
)
@pytest.mark.parametrize("status", ["UNAVAILABLE", "NOT_FOUND"])
def test_a_server_that_stops_or_starts_is_waited_for(
    server: KServe, connect: Any, words: str, status: str
) -> None:
    def respond(_: bytes) -> Answer:
        if server.asked < 4:
            raise Refused(grpc.StatusCode[status], words)
        return MALIGNANT_ANSWER

    server.respond = respond
    assert connect(server, retry=QUICK).classify(b"x").label is Label.MALIGNANT


def test_a_restricted_protocol_is_not_asked_again(server: KServe, connect: Any) -> None:
    def respond(_: bytes) -> Answer:
        raise Refused(
            grpc.StatusCode.UNAVAILABLE, "This protocol is restricted, expecting header 'x'"
        )

    server.respond = respond
    with pytest.raises(ConfigurationError, match="refuses this client"):
        connect(server, retry=QUICK).classify(b"x")
    assert server.asked == 1


NO_ROOM = "Failed to increase the shared memory pool size for key 'k' to 9 bytes."
SICK = "in ensemble 'all_ensemble', Stub process 'preprocess_0_0' is not healthy."


def limited(server: KServe, room: int, words: str) -> Callable[[bytes], Answer]:
    """Answers while no more than ``room`` images are there at once."""
    together = threading.Barrier(8)

    def respond(_: bytes) -> Answer:
        if server.asked <= 8:
            together.wait()  # all of the first ones find it full
            raise Refused(grpc.StatusCode.INTERNAL, words)
        if server.now_in_flight > room:
            raise Refused(grpc.StatusCode.INTERNAL, words)
        return MALIGNANT_ANSWER

    return respond


def test_a_shortage_of_shared_memory_passes_when_images_go_alone(
    server: KServe, connect: Any
) -> None:
    server.respond = limited(server, 1, NO_ROOM)
    outcomes = list(connect(server, retry=QUICK).classify_many(numbered(30), in_flight=8))
    assert [outcome.error for outcome in outcomes if outcome.error] == []


def test_an_image_for_which_there_is_never_room_is_an_error_that_says_so(
    server: KServe, connect: Any
) -> None:
    def respond(image: bytes) -> Answer:
        if image == b"3":
            raise Refused(grpc.StatusCode.INTERNAL, NO_ROOM)
        return MALIGNANT_ANSWER

    server.respond = respond
    outcomes = list(connect(server, retry=QUICK).classify_many(numbered(6), in_flight=2))
    assert [outcome.source for outcome in outcomes if outcome.error] == [b"3"]
    with pytest.raises(InferenceError, match="Failed to increase the shared memory pool"):
        outcomes[3].unwrap()
    assert server.asked == 5 + MAX_SHORTAGES


def test_an_image_is_tried_until_the_process_that_has_room_for_it_gets_it(
    server: KServe, connect: Any
) -> None:
    def respond(_: bytes) -> Answer:
        if server.asked < MAX_SHORTAGES:
            raise Refused(grpc.StatusCode.INTERNAL, NO_ROOM)
        return MALIGNANT_ANSWER

    server.respond = respond
    assert connect(server, retry=QUICK).classify(b"x").label is Label.MALIGNANT


def test_a_model_whose_process_was_lost_is_waited_for(
    server: KServe, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allclient.transport.riding.SICK_PAUSE", 0.01)

    def respond(_: bytes) -> Answer:
        if server.asked < 4:
            raise Refused(grpc.StatusCode.INTERNAL, SICK)
        return MALIGNANT_ANSWER

    server.respond = respond
    assert connect(server, retry=QUICK).classify(b"x").label is Label.MALIGNANT


def test_stopping_reaches_an_image_that_waits_to_go_alone(server: KServe) -> None:
    """Image 0 is suspected and waits for image 1, which never ends."""
    from allclient import Client

    hold, asked = threading.Event(), threading.Event()

    def respond(image: bytes) -> Any:
        if image == b"1":
            asked.set()
            hold.wait()
            return MALIGNANT_ANSWER
        asked.wait()
        raise Refused(grpc.StatusCode.INTERNAL, NO_ROOM)

    server.respond = respond
    try:
        with Client(server.address, retry=QUICK) as client:
            stream = client.classify_many(numbered(2), in_flight=2)
            while server.asked < 3:
                asked.wait(0.01)
            stream.stop()
            assert list(stream) == []
    finally:
        hold.set()
