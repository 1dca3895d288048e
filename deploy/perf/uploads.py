"""Whether an upload through the page keeps the ensemble as busy as asking it directly does.

    .venv/bin/python deploy/perf/uploads.py --files 500

Both ways take turns with an embedded server on this machine. The files are the page's drawn fields,
each made another file by a comment in its JPEG; a process of its own sends them, as a browser does.
For each round it prints

- busy: the share of the time from the first byte sent to the last answer of the ensemble in which
  the ensemble has at least one field of the page, and how many it has on average;
- answers a second through the page, and as a share of those that ``Client.classify`` gets of as
  many such files. On a machine whose cores the ensemble fills, the page and the sender take their
  part of them, so that this share is below the first;
- milliseconds of the processor that the web program takes for a file, the client's part included.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from allclient import Client
from allclient.local import LocalServer
from allclient.result import Result
from allclient.store import SYSTEM, Store, users
from allclient.store.words import Role
from allclient.web import demo, serving
from allclient.web.client import Json, WebClient
from allclient.web.program import Program
from allclient.web.settings import Settings
from allclient.web.worker import IN_FLIGHT, Classifier

AT_ONCE = 4
"""Uploads at once, as a browser sends them."""


def files(count: int, first: int) -> list[bytes]:
    """Return this many JPEG files, no two of them the same."""
    drawn = [path.read_bytes() for path in sorted(demo.DRAWN.glob("*.jpg"))]
    made = []
    for number in range(first, first + count):
        comment = str(number).encode()
        head = b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment
        data = drawn[number % len(drawn)]
        made.append(data[:2] + head + data[2:])
    return made


@dataclass(frozen=True, slots=True)
class Page:
    """A running page, and the token of its first person."""

    url: str
    token: str


@contextlib.contextmanager
def running(classifier: Classifier, folder: Path) -> Iterator[Page]:
    """A page that asks ``classifier``."""
    store = Store(folder / "data")
    with store.write() as session:
        password = users.hash_password("correct horse battery")
        person = users.add(session, SYSTEM, "Reader", password, Role.ADMIN)
        token = users.make_token(session, SYSTEM, person.id, "uploads")
    page = Program(store, Settings())
    page.worker.use(classifier)
    listening = serving.listen("127.0.0.1", 0)
    server = page.server()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    with page.working():
        thread.start()
        yield Page(serving.url_of(listening), token)
        server.should_exit = True
        thread.join()


def directly(client: Client, data: list[bytes]) -> float:
    """Fields a second without the page."""
    begun = time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        list(threads.map(lambda one: client.classify(one, features=True), data))
    return len(data) / (time.monotonic() - begun)


class Watched:
    """A client that keeps when each of its questions began and ended."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.asked: list[tuple[float, float]] = []

    def classify(self, source: bytes, /, *, features: bool, um_per_pixel: float | None) -> Result:
        """Return the answer of the client."""
        begun = time.monotonic()
        try:
            return self._client.classify(source, features=features, um_per_pixel=um_per_pixel)
        finally:
            self.asked.append((begun, time.monotonic()))


@dataclass(frozen=True, slots=True)
class Upload:
    """What was measured of one upload."""

    rate: float
    busy: float
    in_flight: float
    milliseconds: float


def send(url: str, token: str, case: Json, count: int, first: int) -> float:
    """Upload files, in a process of its own; return when it began."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(count)]
        for path, data in zip(paths, files(count, first), strict=True):
            path.write_bytes(data)
        with WebClient(url, token, timeout=600) as web, ThreadPoolExecutor(AT_ONCE) as threads:
            begun = time.monotonic()
            list(threads.map(lambda path: web.add(case, path), paths))
    return begun


def uploaded(page: Page, watched: Watched, sender: Executor, count: int, first: int) -> Upload:
    """Upload files through the page, and wait for their answers."""
    watched.asked.clear()
    with WebClient(page.url, page.token, timeout=600) as web:
        case = web.upload("Marrow", [])
        before = time.process_time()
        begun = sender.submit(send, page.url, page.token, case, count, first).result()
        web.answers(case, timeout=3600)
        taken = time.process_time() - before
    ended = max(end for _, end in watched.asked)
    return Upload(
        rate=count / (ended - begun),
        busy=covered(watched.asked) / (ended - begun),
        in_flight=sum(end - start for start, end in watched.asked) / (ended - begun),
        milliseconds=1000 * taken / count,
    )


def covered(spans: list[tuple[float, float]]) -> float:
    """Return how long at least one of these spans lasts."""
    total, last = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, last))
        last = max(last, end)
    return total


def main() -> None:
    """Measure, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count = options.files
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalServer() as server,
        Client(server.grpc_address, timeout=600) as client,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as sender,
    ):
        watched = Watched(client)
        with running(watched, Path(folder)) as page:
            directly(client, files(count // 4, 10**7))
            uploaded(page, watched, sender, max(1, count // 10), 2 * 10**7)
            for number in range(options.rounds):
                alone = directly(client, files(count, 2 * number * count))
                one = uploaded(page, watched, sender, count, (2 * number + 1) * count)
                print(
                    f"busy {one.busy:.0%}, {one.in_flight:.1f} in flight; {one.rate:.1f}/s, "
                    f"{one.rate / alone:.0%} of {alone:.1f}/s directly; {one.milliseconds:.1f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
