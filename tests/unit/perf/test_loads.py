"""A peer over HTTP, asked by the loop that asks Triton."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import loads
import pytest

from allclient.errors import InferenceError, ServerUnavailableError


class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).connections.add(self.client_address)
        self.send_response(500 if body == b"bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def peer() -> Iterator[ThreadingHTTPServer]:
    Peer.connections = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Peer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def connect(peer: ThreadingHTTPServer, *bodies: bytes) -> loads.Connect:
    return loads.http_connect(peer.server_port, "/", "application/octet-stream", list(bodies))


def test_a_sender_keeps_its_connection_and_reads_the_whole_answer(
    peer: ThreadingHTTPServer,
) -> None:
    send = connect(peer, b"one", b"two")()
    assert [send(number) for number in range(4)] == [b"one", b"two"] * 2
    assert len(Peer.connections) == 1


def test_another_status_is_an_error_and_so_is_silence(peer: ThreadingHTTPServer) -> None:
    send = connect(peer, b"bad")()
    with pytest.raises(InferenceError, match="500"):
        send(0)
    peer.shutdown()
    peer.server_close()
    with pytest.raises(ServerUnavailableError):
        connect(peer, b"one")()(0)


def test_a_load_comes_with_what_the_processes_used(peer: ThreadingHTTPServer) -> None:
    subject = loads.Subject(connect(peer, b"one", b"bad"), os.getpid())
    found = loads.measure(subject, concurrency=2, seconds=1.0, warmup=0.1)
    assert found["answered"] > 0
    assert set(found["errors"]) == {"inference_failed"}
    assert found["server_cpu"] > 0
    assert found["server_pss_mb"] > 1


def test_cores_are_given_back() -> None:
    before = os.sched_getaffinity(0)
    with loads.on_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
