"""HTTP/2 as no client library speaks it: frames one by one."""

from __future__ import annotations

import socket

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
INFER = b"/inference.GRPCInferenceService/ModelInfer"
CANCEL = (8).to_bytes(4, "big")
WHOLE_FRAME = 16_384


def connect(address: str, settings: bytes = b"") -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(PREFACE + frame(SETTINGS, payload=settings))
    return connection


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def field(name: bytes, value: bytes) -> bytes:
    """A header that is written out and not remembered."""
    return b"\0" + _length(name) + name + _length(value) + value


def _length(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)])
    rest, out = len(text) - 127, bytearray([127])
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*out, rest])


HEAD = b"".join(
    field(name, value)
    for name, value in (
        *((b":method", b"POST"), (b":scheme", b"http"), (b":path", INFER), (b":authority", b"x")),
        *((b"content-type", b"application/grpc"), (b"te", b"trailers")),
    )
)


def call(stream: int, message: bytes) -> bytes:
    """A whole request; ``message`` has to fit into the window of a new connection."""
    body = b"\0" + len(message).to_bytes(4, "big") + message
    assert len(body) < 65_535
    sent = frame(HEADERS, END_HEADERS, stream, HEAD)
    for at in range(0, len(body), WHOLE_FRAME):
        last = at + WHOLE_FRAME >= len(body)
        sent += frame(DATA, END_STREAM * last, stream, body[at : at + WHOLE_FRAME])
    return sent


def send(connection: socket.socket, data: bytes) -> bool:
    """False where the server has closed the connection."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def received(connection: socket.socket, seconds: float, until: bytes | None = None) -> bytes:
    """All that comes until the connection is closed, or nothing does for so long.

    With ``until`` no more than what ends with these bytes is waited for.
    """
    connection.settimeout(seconds)
    found = b""
    try:
        while piece := connection.recv(1 << 20):
            found += piece
            if until is not None and until in found:
                break
    except OSError:
        pass
    return found
