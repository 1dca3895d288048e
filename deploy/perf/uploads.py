"""Whether an upload through the page keeps the ensemble as busy as asking it directly does.

    .venv/bin/python deploy/perf/uploads.py --files 500

Both ways take turns with an embedded server on this machine, and the ratio of fields a second is
printed. The files are the page's drawn fields, each made another file by a comment in its JPEG.
"""

from __future__ import annotations

import argparse
import contextlib
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from allclient import Client
from allclient.local import LocalServer
from allclient.store import SYSTEM, Store, users
from allclient.store.words import Role
from allclient.web import demo, serving
from allclient.web.client import WebClient
from allclient.web.program import Program
from allclient.web.settings import Settings
from allclient.web.worker import IN_FLIGHT

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


@contextlib.contextmanager
def running(client: Client, folder: Path) -> Iterator[WebClient]:
    """A page that asks ``client``, and a program of its first person."""
    store = Store(folder / "data")
    with store.write() as session:
        password = users.hash_password("correct horse battery")
        person = users.add(session, SYSTEM, "Reader", password, Role.ADMIN)
        token = users.make_token(session, SYSTEM, person.id, "uploads")
    page = Program(store, Settings())
    page.worker.use(client)
    listening = serving.listen("127.0.0.1", 0)
    server = page.server()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    with page.working():
        thread.start()
        with WebClient(serving.url_of(listening), token, timeout=600) as web:
            yield web
        server.should_exit = True
        thread.join()


def directly(client: Client, data: list[bytes]) -> float:
    """Fields a second without the page."""
    begun = time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        list(threads.map(lambda one: client.classify(one, cells=True), data))
    return len(data) / (time.monotonic() - begun)


def uploaded(web: WebClient, data: list[bytes], folder: Path) -> float:
    """Fields a second from the first byte of the upload to the last answer in the store."""
    paths = []
    for number, one in enumerate(data):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(one)
    begun = time.monotonic()
    case = web.upload("Marrow", [])
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda path: web.add(case, path), paths))
    web.answers(case, timeout=3600)
    return len(data) / (time.monotonic() - begun)


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
        running(client, Path(folder)) as web,
    ):
        directly(client, files(count // 4, 10**7))
        for number in range(options.rounds):
            alone = directly(client, files(count, 2 * number * count))
            paged = uploaded(web, files(count, (2 * number + 1) * count), Path(folder))
            print(f"directly {alone:.1f}/s, through the page {paged:.1f}/s: {paged / alone:.0%}")


if __name__ == "__main__":
    main()
