"""Clients that work while something goes wrong, and count what they get."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allclient import Client
from allclient.contract import CASCADE, ENSEMBLE
from allclient.errors import AllclientError
from allclient.transport import Retry

PATIENCE = Retry(seconds=300)
"""Far more than a server needs to come back on a machine that has other work."""


_IN_FLIGHT = 4


class Load:
    """Clients of both models, with drawn fields whose answers are known."""

    def __init__(self, address: str, images: Sequence[bytes]) -> None:
        self.images = images
        self.retry = PATIENCE
        self.tried = self.lost = 0
        self.errors: list[str] = []
        self._counting = threading.Lock()
        self._expected: dict[str, list[Any]] = {}
        for model in (ENSEMBLE, CASCADE):
            with Client(address, model=model, retry=PATIENCE) as client:
                self._expected[model] = [client.classify(image).votes for image in images]

    def run(self, addresses: Sequence[str], go_on: Callable[[int], bool]) -> None:
        """Have a client for each address classify, side by side, while ``go_on(images taken)``."""
        with ThreadPoolExecutor(len(addresses)) as pool:
            models = itertools.cycle((ENSEMBLE, CASCADE))
            pairs = zip(addresses, models, strict=False)
            for working in [pool.submit(self._work, *pair, go_on) for pair in pairs]:
                working.result()

    def is_right(self, place: int, votes: object) -> bool:
        """Return whether these are the votes that the ensemble gave this image before."""
        return bool(self._expected[ENSEMBLE][place] == votes)

    def _work(self, address: str, model: str, go_on: Callable[[int], bool]) -> None:
        def images() -> Iterator[bytes]:
            for sent in itertools.count():
                if not go_on(sent):
                    return
                yield self.images[sent % len(self.images)]

        with Client(address, model=model, timeout=300, retry=self.retry) as client:
            for number, outcome in enumerate(client.classify_many(images(), in_flight=_IN_FLIGHT)):
                expected = self._expected[model][number % len(self.images)]
                self._count(outcome.error, outcome.result and outcome.result.votes == expected)

    def _count(self, error: AllclientError | None, right: object) -> None:
        with self._counting:
            self.tried += 1
            if not right:
                self.lost += 1
                self.errors.append(str(error or "a wrong answer"))
