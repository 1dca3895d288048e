"""TLS between the gateway and its callers: both show certificates, or nothing is said."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

import trustme

from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration
from allclient.pacs import network
from allclient.pacs.config import Tls
from allclient.pacs.inbox import Inbox


def write(folder: Path, authority: trustme.CA, name: str) -> Tls:
    made = authority.issue_cert("127.0.0.1", "localhost")
    paths = [folder / f"{name}.{ending}" for ending in ("pem", "key", "ca")]
    made.cert_chain_pems[0].write_to_path(paths[0])
    made.private_key_pem.write_to_path(paths[1])
    authority.cert_pem.write_to_path(paths[2])
    return Tls(*paths)


@pytest.fixture
def running(settings: dict[str, Any], inbox: Inbox, start: Any, tmp_path: Path) -> Any:
    authority = trustme.CA()
    write(tmp_path, authority, "node")
    settings["node"]["tls"] = {"cert": "node.pem", "key": "node.key", "ca": "node.ca"}
    made = start(configuration.parse(settings, tmp_path), inbox)
    made.authority = authority
    return made


def test_a_caller_with_a_certificate_of_the_authority_is_let_in(
    running: Any, tmp_path: Path
) -> None:
    context = network.client_context(write(tmp_path, running.authority, "caller"))
    association = running.associate(tls_args=(context, "127.0.0.1"))
    assert association.is_established
    assert association.send_c_echo().Status == 0
    association.release()


def test_callers_without_one_are_not(running: Any, tmp_path: Path) -> None:
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    running.authority.configure_trust(anonymous)
    stranger = network.client_context(write(tmp_path, trustme.CA(), "stranger"))
    running.authority.configure_trust(stranger)
    for context in (anonymous, stranger):
        assert not running.associate(tls_args=(context, "127.0.0.1")).is_established
    assert not running.associate().is_established


def test_a_silent_connection_keeps_nobody_out(running: Any, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", running.receiver.port)):
        context = network.client_context(write(tmp_path, running.authority, "caller"))
        association = running.associate(tls_args=(context, "127.0.0.1"))
        assert association.is_established
        association.release()


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    one, other = write(tmp_path, trustme.CA(), "one"), write(tmp_path, trustme.CA(), "other")
    with pytest.raises(ConfigurationError, match=r"\[node.tls\]"):
        network.server_context(Tls(one.cert, other.key, one.ca))
