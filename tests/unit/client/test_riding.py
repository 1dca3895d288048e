"""When an image is tried again: the rules alone, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import Any

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from allclient.errors import (
    InferenceError,
    ServerLostError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.transport import Connection, Retry
from allclient.transport.cancellation import Cancellation
from allclient.transport.gate import AsyncGate, Gate
from allclient.transport.riding import (
    ALONE_FROM,
    MAX_JUMPS,
    MAX_OUTAGES,
    MAX_SETBACKS,
    SICK_PAUSE,
    Presence,
    Tries,
)

AWAY = InferenceServerException("refused", status=str(grpc.StatusCode.UNAVAILABLE))
LOST = InferenceServerException("Socket closed", status=str(grpc.StatusCode.UNAVAILABLE))
SICK = InferenceServerException(
    "Stub process 'vote_0_0' is not healthy.", status=str(grpc.StatusCode.INTERNAL)
)
WRONG = InferenceServerException("a step failed", status=str(grpc.StatusCode.INTERNAL))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tries(presence: Presence, **retry: float) -> Tries:
    return Tries(Connection("127.0.0.1:1", retry=Retry(**retry)), presence)


def test_the_time_is_that_of_one_outage(clock: Clock) -> None:
    presence = Presence(clock)
    presence.answered()
    one = tries(presence, seconds=60, first=1, longest=1)
    for _ in range(3):
        for _ in range(5):
            assert 0.5 <= one.pause_after(AWAY) <= 1
            clock.now += 10
        presence.answered()  # by another image
    one.pause_after(AWAY)
    clock.now += 59.5
    with pytest.raises(ServerUnavailableError):
        one.pause_after(AWAY)


def test_each_loss_begins_a_new_outage_and_there_is_an_end_of_them(clock: Clock) -> None:
    """Images that end the server follow each other, and no other is answered between them."""
    presence = Presence(clock)
    presence.answered()
    for _ in range(MAX_OUTAGES):
        one = tries(presence, seconds=60, first=1, longest=1)
        one.pause_after(LOST)
        clock.now += 58.5
        one.pause_after(AWAY)
    tries(presence, seconds=60).pause_after(LOST)
    clock.now += 10
    with pytest.raises(ServerUnavailableError):
        tries(presence, seconds=60).pause_after(LOST)


def test_a_server_never_seen_gets_the_first_contact_alone(clock: Clock) -> None:
    presence = Presence(clock)
    one = tries(presence, seconds=60, first_contact=5)
    one.pause_after(AWAY)
    clock.now += 5
    with pytest.raises(ServerUnavailableError):
        one.pause_after(AWAY)
    one = tries(presence, seconds=60, first_contact=5)
    one.pause_after(LOST)  # so there was one
    clock.now += 5
    one.pause_after(AWAY)


def test_a_refused_image_shows_that_the_server_is_there(clock: Clock) -> None:
    presence = Presence(clock)
    with pytest.raises(InferenceError):
        tries(presence).pause_after(WRONG)
    assert presence.known
    late = InferenceServerException("late", status=str(grpc.StatusCode.DEADLINE_EXCEEDED))
    fresh = Presence(clock)
    waited = tries(fresh)
    clock.now += 60
    with pytest.raises(ServerTimeoutError):
        waited.pause_after(late)
    assert not fresh.known


def test_a_deadline_before_its_time_is_a_clock_that_was_set(clock: Clock) -> None:
    late = InferenceServerException("late", status=str(grpc.StatusCode.DEADLINE_EXCEEDED))
    one = Tries(Connection("127.0.0.1:1", timeout=60), Presence(clock))
    for _ in range(MAX_JUMPS):
        clock.now += 600  # it waited for its turn
        one.begin()
        clock.now += 5
        assert one.pause_after(late) == 0
    with pytest.raises(ServerTimeoutError):
        one.pause_after(late)
    whole = Tries(Connection("127.0.0.1:1", timeout=60), Presence(clock))
    whole.begin()
    clock.now += 60
    with pytest.raises(ServerTimeoutError):
        whole.pause_after(late)
    with pytest.raises(ServerTimeoutError):
        tries(Presence(clock), seconds=0).pause_after(late)


def test_losses_make_an_image_go_alone_and_then_an_error(clock: Clock) -> None:
    presence = Presence(clock)
    one = tries(presence)
    alone = []
    for _ in range(MAX_SETBACKS - 1):
        alone.append(one.alone)
        one.pause_after(LOST)
        for _ in range(20):  # while the server is away nothing counts but time
            one.pause_after(AWAY)
        presence.answered()
    assert alone == [False] * ALONE_FROM + [True] * (MAX_SETBACKS - 1 - ALONE_FROM)
    with pytest.raises(ServerLostError, match=f"lost {MAX_SETBACKS} times"):
        one.pause_after(LOST)


def test_a_sick_server_gets_time_to_notice(clock: Clock) -> None:
    one = tries(Presence(clock))
    pauses = [one.pause_after(SICK) for _ in range(MAX_SETBACKS - 1)]
    assert pauses == [SICK_PAUSE, SICK_PAUSE * 2, SICK_PAUSE * 4]
    with pytest.raises(ServerLostError, match="vote_0_0"):
        one.pause_after(SICK)


class TestGate:
    def test_one_alone_waits_for_those_inside_and_later_ones_wait_for_it(self) -> None:
        gate = Gate()
        order: list[str] = []
        leave = {name: threading.Event() for name in ("first", "alone", "later")}
        inside = {name: threading.Event() for name in leave}

        def go(name: str) -> None:
            with gate.passing(name == "alone", Cancellation()):
                order.append(name)
                inside[name].set()
                leave[name].wait()

        threads = {name: threading.Thread(target=go, args=(name,)) for name in leave}
        threads["first"].start()
        assert inside["first"].wait(60)
        threads["alone"].start()
        while gate._count.waiting_alone == 0:
            inside["alone"].wait(0.01)
        threads["later"].start()
        leave["first"].set()
        assert inside["alone"].wait(60)
        assert not inside["later"].wait(0.1)
        leave["alone"].set()
        assert inside["later"].wait(60)
        leave["later"].set()
        for thread in threads.values():
            thread.join()
        assert order == ["first", "alone", "later"]

    def test_cancelling_ends_the_wait(self) -> None:
        gate, cancellation = Gate(), Cancellation()
        failure: list[BaseException] = []

        def go() -> None:
            try:
                with gate.passing(True, cancellation):
                    pass
            except CancelledError as error:
                failure.append(error)

        with gate.passing(False, Cancellation()):
            thread = threading.Thread(target=go)
            thread.start()
            while gate._count.waiting_alone == 0:
                thread.join(0.01)
            cancellation.cancel()
            thread.join(60)
        assert len(failure) == 1
        with gate.passing(True, Cancellation()), pytest.raises(CancelledError):
            gate.passing(False, cancellation).__enter__()
        with gate.passing(False, Cancellation()):
            pass  # nobody was left inside


class TestAsyncGate:
    async def test_one_alone_waits_for_those_inside_and_later_ones_wait_for_it(self) -> None:
        gate = AsyncGate()
        order: list[str] = []

        async def go(name: str, leave: asyncio.Event) -> None:
            async with gate.passing(name == "alone"):
                order.append(name)
                await leave.wait()
                order.append(f"{name} leaves")

        leave = asyncio.Event()
        tasks = []
        for name in ("first", "second", "alone", "later"):
            tasks.append(asyncio.create_task(go(name, leave)))
            await asyncio.sleep(0)
        assert order == ["first", "second"]
        leave.set()
        await asyncio.gather(*tasks)
        assert order[4:6] == ["alone", "alone leaves"]
        assert order[6:] == ["later", "later leaves"]

    async def test_a_cancelled_task_leaves_the_gate_open(self) -> None:
        gate = AsyncGate()

        async def go(alone: bool) -> None:
            async with gate.passing(alone):
                await asyncio.sleep(3600)

        inside, waiting = asyncio.create_task(go(False)), asyncio.create_task(go(True))
        await asyncio.sleep(0.01)
        for task in (waiting, inside):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with asyncio.timeout(60), gate.passing(True):
            pass

    def test_each_loop_has_a_gate_of_its_own(self) -> None:
        gate = AsyncGate()

        async def hold(_: Any = None) -> None:
            async with gate.passing(True):
                await asyncio.sleep(0)

        for _ in range(2):
            asyncio.run(hold())
