"""Encrypted connections, with certificates made for the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from allclient import Label, TlsOptions
from allclient.errors import ServerUnavailableError
from allclient.transport import Retry
from tests.unit.client.kserve import KServe

ONCE = Retry(seconds=0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def serve(authority: trustme.CA, *, mutual: bool, name: str = "127.0.0.1") -> KServe:
    certificate = authority.issue_cert(name)
    credentials = grpc.ssl_server_credentials(
        [
            (
                certificate.private_key_pem.bytes(),
                b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
            )
        ],
        root_certificates=authority.cert_pem.bytes() if mutual else None,
        require_client_auth=mutual,
    )
    return KServe().start(credentials=credentials)


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[KServe]:
    with serve(authority, mutual=False) as running:
        yield running


@pytest.fixture
def mutual_server(authority: trustme.CA) -> Iterator[KServe]:
    with serve(authority, mutual=True) as running:
        yield running


def client_files(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    certificate = authority.issue_cert("reader@lab.example")
    files = {"cert": folder / "client.pem", "key": folder / "client.key"}
    certificate.cert_chain_pems[0].write_to_path(files["cert"])
    certificate.private_key_pem.write_to_path(files["key"])
    return files


def test_tls(tls_server: KServe, connect: Any, ca: Path) -> None:
    client = connect(tls_server, tls=TlsOptions(ca=ca), token="t")
    assert client.classify(b"benign").label is Label.BENIGN
    assert tls_server.headers[0]["authorization"] == "Bearer t"


def test_mutual_tls(
    mutual_server: KServe, connect: Any, ca: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    client = connect(mutual_server, tls=TlsOptions(ca=ca, **client_files(authority, tmp_path)))
    assert client.classify(b"benign").label is Label.BENIGN
    assert client.call("health").ok


def test_server_of_an_unknown_authority_is_not_trusted(tls_server: KServe, connect: Any) -> None:
    with pytest.raises(ServerUnavailableError):
        connect(tls_server, tls=TlsOptions(), retry=ONCE).classify(b"benign")
    assert tls_server.asked == 0


def test_certificate_of_another_host_is_not_trusted(
    authority: trustme.CA, connect: Any, ca: Path
) -> None:
    with (
        serve(authority, mutual=False, name="elsewhere.example") as server,
        pytest.raises(ServerUnavailableError),
    ):
        connect(server, tls=TlsOptions(ca=ca), retry=ONCE).classify(b"benign")


def test_mutual_tls_without_a_client_certificate(
    mutual_server: KServe, connect: Any, ca: Path
) -> None:
    with pytest.raises(ServerUnavailableError):
        connect(mutual_server, tls=TlsOptions(ca=ca), retry=ONCE).classify(b"benign")
    assert mutual_server.asked == 0


def test_mutual_tls_with_a_strangers_certificate(
    mutual_server: KServe, connect: Any, ca: Path, tmp_path: Path
) -> None:
    stranger = client_files(trustme.CA(), tmp_path)
    with pytest.raises(ServerUnavailableError):
        connect(mutual_server, tls=TlsOptions(ca=ca, **stranger), retry=ONCE).classify(b"benign")
    assert mutual_server.asked == 0


def test_clear_text_to_a_tls_server(tls_server: KServe, connect: Any) -> None:
    with pytest.raises(ServerUnavailableError):
        connect(tls_server, retry=ONCE).classify(b"benign")
