"""What runs beside a block of code ends with it."""

from __future__ import annotations

import threading

import pytest

from allclient.threads import beside


def test_work_is_told_of_the_end_of_the_block_and_waited_for() -> None:
    said: list[str] = []

    def work(over: threading.Event) -> None:
        said.append("begun")
        over.wait()
        said.append("ended")

    with pytest.raises(ValueError, match="own"), beside(work, "test"):
        raise ValueError("own")
    assert said == ["begun", "ended"]
