"""The closed loop: so many in flight, only what is answered in the window counts, errors too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from allclient.contract import CASCADE
from allclient.errors import ConfigurationError, ServerUnavailableError
from allclient.load import Load, closed_loop
from allclient.transport import Connection
from allclient.transport.raw import RawCalls
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe, rejected


def calls(server: KServe, images: list[bytes], **options: Any) -> RawCalls:
    return RawCalls(Connection(server.address, **options), images)


def test_images_go_in_turn_to_the_model_named(server: KServe) -> None:
    seen: list[bytes] = []
    server.respond = lambda image: seen.append(image) or MALIGNANT_ANSWER  # type: ignore[func-returns-value]
    load = calls(server, [b"one", b"two\0"], model=CASCADE)
    for number in range(4):
        assert load.send(number)
    load.close()
    assert seen == [b"one", b"two\0"] * 2


def test_as_many_are_in_flight_as_asked_for(server: KServe) -> None:
    all_there = threading.Event()

    def respond(_: bytes) -> Any:
        if server.now_in_flight == 5:
            all_there.set()
        assert all_there.wait(60)
        return MALIGNANT_ANSWER

    load = calls(server, [b"field"])
    load.send(0)  # what opens the connection is no part of the second
    server.respond = respond
    measured = closed_loop(lambda: load.send, concurrency=5, seconds=1.0, warmup=0.1)
    load.close()
    assert server.most_in_flight == 5
    assert measured.answered > 0
    assert measured.failed == 0
    assert measured.throughput == measured.answered / measured.seconds


def test_errors_are_counted_by_their_code_and_are_no_answers(server: KServe) -> None:
    def respond(image: bytes) -> Any:
        if image == b"bad":
            raise rejected("image_truncated", "it ends early")
        return MALIGNANT_ANSWER

    server.respond = respond
    load = calls(server, [b"good", b"bad"])
    measured = closed_loop(lambda: load.send, concurrency=2, seconds=1.0, warmup=0.1)
    load.close()
    assert set(measured.errors) == {"image_truncated"}
    assert measured.failed == measured.errors["image_truncated"] > 0
    assert measured.answered > 0


def test_a_server_that_is_gone_is_an_error_of_ours(server: KServe) -> None:
    load = calls(server, [b"field"], timeout=2.0)
    server.stop()
    with pytest.raises(ServerUnavailableError):
        load.send(0)
    load.close()


def test_what_is_no_answer_and_no_error_of_ours_ends_the_load() -> None:
    def send(_: int) -> None:
        raise RuntimeError("a mistake in the sender")

    with pytest.raises(RuntimeError, match="a mistake"):
        closed_loop(lambda: send, concurrency=3, seconds=30)


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"seconds": 0.0}, {"warmup": -1.0}])
def test_a_load_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="a load needs"):
        closed_loop(lambda: print, **{"concurrency": 1, "seconds": 1.0, **wrong})


def test_the_numbers_of_a_load() -> None:
    load = Load(4, 2.0, np.arange(1, 101) / 1000, {"image_corrupt": 2}, 0.5)
    assert (load.throughput, load.cpu_share, load.failed) == (50.0, 0.25, 2)
    assert load.latency_ms(50) == pytest.approx(50.5)
    assert load.latency_ms(99) == pytest.approx(99.01)
    assert json.loads(json.dumps(load.as_json()))["p90_ms"] == pytest.approx(90.1)
    assert Load(1, 1.0, np.empty(0), {}, 0.0).latency_ms(50) is None


def test_no_images_no_load(server: KServe) -> None:
    with pytest.raises(ConfigurationError, match="at least one image"):
        calls(server, [])


def test_the_command(server: KServe, images: Callable[..., list[str]], capsys: Any) -> None:
    from allclient.cli.group import run

    def measure(*more: str) -> int:
        options = ("--server", server.address, "--seconds", "0.6", "--warmup", "0.1")
        return run(["bench", *images("a", "b", "c"), *options, *more])

    assert measure("--in-flight", "1,3", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 3
    assert [load["concurrency"] for load in report["loads"]] == [1, 3]
    assert all(load["answered"] > 0 for load in report["loads"])
    assert measure("--in-flight", "2", "--limit", "2") == 0
    head, line = capsys.readouterr().out.splitlines()[:2]
    assert head.split()[:3] == ["in", "flight", "images/s"]
    assert line.split()[0] == "2"
    assert measure("--in-flight", "two") == 2
    server.stop()
    assert measure("--timeout", "2") == 3
