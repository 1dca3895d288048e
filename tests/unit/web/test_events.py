from __future__ import annotations

import asyncio

from allclient.web.hub import CLOSED, Hub


async def test_a_page_hears_of_its_own_case_from_any_thread() -> None:
    hub = Hub()
    with hub.listening(1) as queue:
        await asyncio.to_thread(hub.publish, 2, {"event": "field", "field": 20})
        await asyncio.to_thread(hub.publish, 1, {"event": "field", "field": 10})
        assert (await queue.get())["field"] == 10
        assert queue.empty()


async def test_streams_end_with_the_program_and_those_that_begin_later_too() -> None:
    hub = Hub()
    with hub.listening(1) as queue:
        hub.close()
        assert await queue.get() is CLOSED
    with hub.listening(1) as queue:
        assert await queue.get() is CLOSED


async def test_a_page_that_does_not_read_costs_no_more_than_its_queue() -> None:
    hub = Hub()
    with hub.listening(1) as queue:
        for number in range(5000):
            hub.publish(1, {"event": "field", "field": number})
        hub.close()
        heard = []
        while (event := await queue.get()) is not CLOSED:
            heard.append(event["field"])
    assert 0 < len(heard) <= 1000
    assert heard == sorted(heard)
