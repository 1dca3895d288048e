from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from allclient.client.ledger import Ledger
from allclient.errors import ImageReadError, InferenceError
from allclient.result import Outcome

BAD = ImageReadError("bad")


def outcome(number: int) -> Outcome:
    return Outcome(str(number), error=BAD)


@given(st.booleans(), st.integers(1, 5), st.lists(st.integers(0, 9), max_size=200))
def test_each_once_in_order_or_as_finished_within_bounds(
    ordered: bool, in_flight: int, choices: list[int]
) -> None:
    """Any interleaving: a choice finishes one of those in work, or takes one away."""
    ledger = Ledger(ordered=ordered, in_flight=in_flight)
    working: list[int] = []
    finished: list[str] = []
    taken: list[str] = []

    def take() -> None:
        if (got := ledger.take()) is not None:
            taken.append(str(got.source))

    for choice in choices:
        while len(working) < in_flight and ledger.may_begin:
            working.append(ledger.begin())
        assert len(working) + len(finished) - len(taken) <= 2 * in_flight
        if working and choice % 3:
            number = working.pop(choice % len(working))
            ledger.settle(number, outcome(number))
            finished.append(str(number))
        else:
            take()
    ledger.exhaust()
    for number in working:
        assert not ledger.over
        ledger.settle(number, outcome(number))
        finished.append(str(number))
    assert ledger.over
    for _ in range(len(finished) - len(taken)):
        take()
    assert ledger.take() is None
    assert taken == (sorted(finished, key=int) if ordered else finished)


@given(st.sets(st.integers(0, 7)))
def test_stopping_jumps_over_what_was_not_finished(abandoned: set[int]) -> None:
    ledger = Ledger(ordered=True, in_flight=4)
    for number in range(8):
        assert ledger.begin() == number
    for number in set(range(8)) - abandoned:
        ledger.settle(number, outcome(number))
    ledger.stop()
    for number in abandoned:
        ledger.abandon(number)
    taken = [int(str(got.source)) for got in iter(ledger.take, None)]
    assert taken == sorted(set(range(8)) - abandoned)


def test_first_failure_is_the_one_that_is_told() -> None:
    ledger = Ledger(ordered=True, in_flight=1)
    first, second = InferenceError("first"), InferenceError("second")
    ledger.stop(first)
    ledger.stop(second)
    assert ledger.failure is first
