"""Nothing that a client sends over HTTP stops the server: each request gets its own answer.

Triton 2.51 as it is dies of nesting (150 kB of JSON) and of chunks (4 MB); see
``allclient.local.mend``.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from allclient.contract import CASCADE, ENSEMBLE, MAX_MESSAGE_BYTES
from samples import render
from tests.serving.raw_requests import Bystander, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

PATIENCE = 60
INFER = f"/v2/models/{ENSEMBLE}/infer"
COUNT = 600
"""Requests with random damage."""


@pytest.fixture(scope="module")
def image() -> bytes:
    return render.encoded(count=1, seed=47)[0]


@pytest.fixture(scope="module")
def address(open_server: LocalServer) -> tuple[str, int]:
    assert open_server.http_address is not None
    host, _, port = open_server.http_address.rpartition(":")
    return host, int(port)


@pytest.fixture(autouse=True)
def _nobody_else_notices(open_server: LocalServer, image: bytes) -> Iterator[None]:
    pid = open_server.pid
    with Bystander(open_server.grpc_address, image) as other:
        yield
    assert other.failures == []
    assert open_server.exit_status() is None
    assert open_server.pid == pid


def connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and content; 0 and nothing where the server closed the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
            head, end, content = received.partition(b"\r\n\r\n")
            lines = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
            if end and len(content) >= int(lines.get(b"content-length", b"0")):
                return int(head.split(b" ")[1]), content
    except OSError:
        pass
    return 0, b""


def post(
    address: tuple[str, int], path: str, body: bytes, *headers: str, length: int | None = None
) -> tuple[int, bytes]:
    said = len(body) if length is None else length
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {said}", *headers])
    with connect(address) as connection:
        with contextlib.suppress(OSError):  # closed before all of it was sent
            connection.sendall(head.encode() + b"\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
        return answer(connection)


def infer_body(image: bytes, size: int | None = None) -> tuple[bytes, str]:
    """JSON with the image behind it, and the header that says where the JSON ends."""
    data = text(image)
    shown = {"binary_data_size": len(data) if size is None else size}
    tensor = {"name": "IMAGE", "shape": [1, 1], "datatype": "BYTES", "parameters": shown}
    head = json.dumps({"id": "1", "inputs": [tensor]}).encode()
    return head + data, f"Inference-Header-Content-Length: {len(head)}"


def test_a_sound_request_is_answered(address: tuple[str, int], image: bytes) -> None:
    body, header = infer_body(image)
    status, content = post(address, INFER, body, header)
    assert status == 200
    assert {output["name"] for output in json.loads(content)["outputs"]} >= {"LABEL", "VOTES"}
    # JSON alone, as text: the first byte of a JPEG is none.
    tensor = {"name": "IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": ["not an image"]}
    status, content = post(address, INFER, json.dumps({"inputs": [tensor]}).encode())
    assert status == 400
    assert b"[image_unsupported]" in content
    zipped = gzip.compress(body)
    assert post(address, INFER, zipped, header, "Content-Encoding: gzip")[0] == 200


@pytest.mark.parametrize("path", [INFER, f"/v2/models/{ENSEMBLE}/generate"])
@pytest.mark.parametrize("depth", [1_000, 50_000, 3_000_000])
def test_deep_nesting(address: tuple[str, int], path: str, depth: int) -> None:
    """The parser calls itself, and 50,000 levels inside ``data`` outgrew the stack."""
    data = b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":'
    for body in (
        b"[" * depth,
        b'{"a":' * depth,
        data + b"[" * depth + b'"x"' + b"]" * depth + b"}]}",
        b'["\\"", ' + b'[{"[":' * depth,
    ):
        status, content = post(address, path, body)
        assert status in (400, 403, 500)
        assert b"failed to parse" in content


def test_brackets_in_texts_are_no_nesting(address: tuple[str, int]) -> None:
    for words in ("[" * 5000, '[{"' * 5000, "\\" * 4001 + '"[' * 300):
        tensor = {"name": "IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": [words]}
        status, content = post(address, INFER, json.dumps({"inputs": [tensor]}).encode())
        assert (status, b"[image_unsupported]" in content) == (400, True)


@pytest.mark.parametrize("path", [INFER, "/v2/repository/index"])
def test_bodies_in_chunks_are_not_taken(address: tuple[str, int], path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with connect(address) as connection:
        try:
            connection.sendall(head)
            for _ in range(100):
                connection.sendall(b"1\r\n \r\n" * 10_000)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert answer(connection) == (0, b"")


def test_a_body_that_comes_in_many_pieces(address: tuple[str, int], image: bytes) -> None:
    body, header = infer_body(image)
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{header}\r\n\r\n"
    with connect(address) as connection:
        connection.sendall(head.encode())
        for place in range(0, len(body), 5):
            connection.sendall(body[place : place + 5])
        assert answer(connection)[0] == 200


JSON = [
    *(b"", b"{", b"[]", b"{}", b"null", b"1", b'"x"', b"\xff\xfe", b'{"inputs":[]}'),
    *(b'{"inputs":{}}', b'{"inputs":[1]}', b'{"inputs":[{}]}', b'{"id":5,"inputs":[]}'),
    *(b'{"parameters":5,"inputs":[]}', b'{"parameters":{"a":{"b":[1]}},"inputs":[]}'),
    b'{"inputs":[{"name":"IMAGE","shape":["x"],"datatype":"BYTES","data":["x"]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[-1,1],"datatype":"BYTES","data":["x"]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[4611686018427387904,4],"datatype":"BYTES","data":[1]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":[[[["x"]]]]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":[null]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":["\\ud800"]}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":{}}]}',
    b'{"inputs":[{"name":"IMAGE","shape":[1,1],"datatype":"BYTES","data":["x"]}],"outputs":5}',
]


@pytest.mark.parametrize("body", JSON, ids=lambda body: str(body[:60]))
def test_json_that_is_no_request(address: tuple[str, int], body: bytes) -> None:
    for path in (INFER, f"/v2/models/{CASCADE}/infer", "/v2/models/vote/infer"):
        assert post(address, path, body)[0] in (400, 403, 500)


@pytest.mark.parametrize("size", [-5, 0, 1, 10**9, 2**31, 2**32, 2**63 - 1])
def test_sizes_that_the_content_has_not(address: tuple[str, int], image: bytes, size: int) -> None:
    body, header = infer_body(image, size)
    assert post(address, INFER, body, header)[0] in (400, 403, 500)


@pytest.mark.parametrize("length", ["0", "-1", "1", "x", "", "99999", str(2**32 + 90), "9" * 30])
def test_headers_that_end_where_the_json_does_not(
    address: tuple[str, int], image: bytes, length: str
) -> None:
    body, _ = infer_body(image)
    header = f"Inference-Header-Content-Length: {length}"
    assert post(address, INFER, body, header)[0] in (400, 403, 500)


@pytest.mark.parametrize("length", [0, 10, 10**9, 2**63, -1])
def test_lengths_that_the_body_has_not(address: tuple[str, int], image: bytes, length: int) -> None:
    body, header = infer_body(image)
    assert post(address, INFER, body, header, length=length)[0] in (0, 400, 500)


def test_a_body_larger_than_any_client_sends(address: tuple[str, int]) -> None:
    """Its connection is closed; as Triton is, it takes what there is memory for."""
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**40}\r\n\r\n"
    block, sent = bytes(1 << 20), 0
    with connect(address) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            while sent < 2 * MAX_MESSAGE_BYTES:
                connection.sendall(block)
                sent += len(block)
    assert MAX_MESSAGE_BYTES <= sent < 1.1 * MAX_MESSAGE_BYTES


BOMB = gzip.compress(bytes(200_000_000), 9)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("body", [b"not packed", BOMB[:1000], BOMB], ids=["text", "cut", "bomb"])
def test_packed_bodies(address: tuple[str, int], body: bytes, encoding: str) -> None:
    assert post(address, INFER, body, f"Content-Encoding: {encoding}")[0] in (400, 500, 501)


def endless(size: int) -> bytes:
    """Return gzip that unpacks to so many bytes at least, and has no end."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(1 << 24)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // len(block))


def test_a_body_that_unpacks_to_more_than_any_client_sends(
    address: tuple[str, int], image: bytes
) -> None:
    """As Triton is, it unpacks what there is memory for; here it is refused at the limit."""
    bomb = endless(3 * MAX_MESSAGE_BYTES)
    status, said = post(address, INFER, bomb, "Content-Encoding: gzip")
    assert (status, b"inconsistent stream state" in said) == (500, True)
    body, header = infer_body(image)
    assert post(address, INFER, gzip.compress(body), header, "Content-Encoding: gzip")[0] == 200


HEADS = {
    "bytes": b"\0\xff" * 1000 + b"\r\n\r\n",
    "a path without end": b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without end": b"GET /v2 HTTP/1.1\r\nh: " + b"x" * 5_000_000 + b"\r\n\r\n",
    "headers without end": b"GET /v2 HTTP/1.1\r\n" + b"h: x\r\n" * 100_000 + b"\r\n",
    "an unknown method": b"NOPE /v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /v2 HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_are_none(address: tuple[str, int], name: str) -> None:
    with connect(address) as connection:
        try:
            connection.sendall(HEADS[name])
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # closed before all of it was sent
            return
        answer(connection)


def test_connections_that_are_closed(address: tuple[str, int], image: bytes) -> None:
    """Before, in and after the request; with and without a farewell."""
    body, header = infer_body(image)
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{header}\r\n\r\n"
    message = head.encode() + body
    for turn in range(120):
        with connect(address) as connection:
            connection.sendall(message[: len(message) if turn % 3 else turn * 7])
            time.sleep(turn % 20 * 0.003)
            if turn % 2:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_requests_with_random_damage(address: tuple[str, int], image: bytes) -> None:
    rng = random.Random(COUNT)
    statuses: dict[int, int] = {}
    for _ in range(COUNT):
        body, header = infer_body(image)
        body = body.replace(b'"BYTES"', rng.choice((b'"BYTES"', b'"FP32"', b"7", b"[]")))
        damaged = bytearray(body)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(160)
            damaged[at : at + rng.randrange(4)] = rng.choice(
                (rng.randbytes(2), b"[", b'"', b"}", b"-1", b"99999999999999999999", b"1e400")
            )
        extra = rng.choice(("X: y", "Content-Encoding: gzip", "Accept-Encoding: deflate, gzip"))
        status, _ = post(address, INFER, bytes(damaged), header, extra)
        statuses[status] = statuses.get(status, 0) + 1
    assert statuses.keys() <= {200, 400, 404, 500}
    assert statuses[400] > COUNT / 20
