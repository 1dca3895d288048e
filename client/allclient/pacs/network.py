"""Opens the gateway's socket: only peers' hosts are let in, TLS asks for certificates."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import ssl
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from pynetdicom import _config as pynetdicom_config
from pynetdicom import evt
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

from allclient.errors import ConfigurationError
from allclient.pacs.config import Peer, Tls

_LOG: Final = logging.getLogger(__name__)

# Its handlers make a text of every message, whether or not anybody logs it.
pynetdicom_config.LOG_HANDLER_LEVEL = "none"

MAX_PDU: Final = 1024 * 1024
"""Bytes of the longest PDU that peers are asked to send."""

_PDU_HEADS: Final = 1024
"""What a peer may count to a PDU besides its content."""

_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)


class PeerServer(ThreadedAssociationServer):
    """A server that closes a connection from another host than a peer's before reading it."""

    peers: tuple[Peer, ...] = ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Return whether the caller is the host of a peer."""
        known = client_address[0] in addresses(self.peers)
        if not known:
            _LOG.warning("refused a connection from %s, the host of no peer", client_address[0])
        return known

    def shutdown(self) -> None:
        """Stop listening; pynetdicom's own would look for itself in a foreign list."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()


def addresses(peers: Iterable[Peer]) -> frozenset[str]:
    """Return the addresses of the peers' hosts, as their names resolve now."""
    known: set[str] = set()
    for peer in peers:
        try:
            known |= {str(entry[4][0]) for entry in socket.getaddrinfo(peer.host, None)}
        except OSError:
            _LOG.warning("the host of peer %s is not known now", peer.ae_title)
    return frozenset(known)


class _LateHandshake:
    """A TLS context whose handshakes are done in the thread of each connection.

    The accepting thread would wait for a caller that says nothing, and let nobody else in.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, sock: socket.socket, server_side: bool = True) -> ssl.SSLSocket:
        return self._context.wrap_socket(
            sock, server_side=server_side, do_handshake_on_connect=False
        )


def server_context(tls: Tls | None) -> Any:
    """Return the TLS context for callers; each must show a certificate signed by ``ca``."""
    return None if tls is None else _LateHandshake(_context(ssl.PROTOCOL_TLS_SERVER, tls))


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return the TLS context for peers that are called; ``ca`` must have signed theirs."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, tls)


def _context(protocol: int, tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.cert, tls.key)
        context.load_verify_locations(tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"[node.tls]: a file does not fit: {error}") from error
    return context


def read_at_once(event: evt.Event) -> None:
    """Handle EVT_CONN_OPEN: each packet is acknowledged at once, for the next one waits for that.

    pynetdicom reads a PDU in parts, and a sender may write its head and its content apart (dcmtk
    does): the acknowledgement of every part counts.
    """
    reader = event.assoc.dul.socket
    if reader is not None:
        reader.recv = partial(_receive, reader)  # type: ignore[method-assign]


def _receive(reader: AssociationSocket, count: int) -> bytearray:
    """Return ``count`` bytes, or fewer where the peer has ended the connection.

    Raises OSError for a PDU that is longer than the gateway has announced.
    """
    if count > MAX_PDU + _PDU_HEADS:
        raise OSError(f"a PDU of {count} bytes")
    sock: Any = reader.socket
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        taken = sock.recv_into(view[done:])
        if not taken:
            break
        done += taken
        if _QUICKACK is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
    view.release()
    return data[:done] if done < count else data


def send_at_once(event: evt.Event) -> None:
    """Handle EVT_CONN_OPEN: small packets do not wait for the acknowledgement of others."""
    sock = getattr(event.assoc.dul.socket, "socket", None)
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def cut(event: evt.Event) -> None:
    """End an association at once, from any thread: shut its socket."""
    sock = getattr(event.assoc.dul.socket, "socket", None)
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
