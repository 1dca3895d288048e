"""TLS and mutual TLS of the real server, and the key to what is restricted."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as triton
import trustme

from allclient import Client
from allclient.contract import ENSEMBLE
from allclient.errors import ServerUnavailableError
from allclient.local import LocalServer
from allclient.local.tls import ServerTls
from allclient.transport import Retry, TlsOptions
from samples import render

MODELS = Path(__file__).resolve().parents[2] / "model_repository"
ONCE = Retry(seconds=0, first_contact=0)
FIELD = render.encoded(count=1, seed=1)[0]


class Lab:
    """Certificates of a server and of a client, and the server that uses them."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.clients = trustme.CA(), trustme.CA()
        self.ca, client_ca = folder / "ca.pem", folder / "clients.pem"
        self.authority.cert_pem.write_to_path(self.ca)
        self.clients.cert_pem.write_to_path(client_ca)
        served = self.authority.issue_cert("localhost")
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        served.cert_chain_pems[0].write_to_path(self.cert)
        served.private_key_pem.write_to_path(self.key)
        self.said: list[str] = []
        self.again = threading.Event()
        self.server = LocalServer(
            MODELS,
            model=ENSEMBLE,
            http_port=0,
            tls=ServerTls(self.cert, self.key, client_ca),
            notify=self.notify,
            ready_timeout=250,
        )

    def notify(self, text: str) -> None:
        self.said.append(text)
        if "ready again" in text:
            self.again.set()

    def client_of(self, authority: trustme.CA, folder: Path) -> TlsOptions:
        certificate = authority.issue_cert("reader@lab.example")
        folder.mkdir(exist_ok=True)
        certificate.cert_chain_pems[0].write_to_path(folder / "client.pem")
        certificate.private_key_pem.write_to_path(folder / "client.key")
        return TlsOptions(self.ca, folder / "client.pem", folder / "client.key")

    @property
    def address(self) -> str:
        return f"localhost:{self.server.grpc_address.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("tls"))
    with lab.server:
        yield lab


def test_a_client_with_a_certificate_is_answered_and_others_are_not(
    lab: Lab, tmp_path: Path
) -> None:
    own = lab.client_of(lab.clients, tmp_path / "own")
    with Client(lab.address, tls=own) as client:
        assert client.classify(FIELD).votes
        assert client.health().ok
    foreign = lab.client_of(trustme.CA(), tmp_path / "foreign")
    for tls in (foreign, TlsOptions(lab.ca), None):
        with (
            Client(lab.address, tls=tls, retry=ONCE, timeout=30) as client,
            pytest.raises(ServerUnavailableError),
        ):
            client.classify(FIELD)


def test_a_certificate_opens_nothing_that_is_restricted(lab: Lab, tmp_path: Path) -> None:
    own = lab.client_of(lab.clients, tmp_path)
    client = triton.InferenceServerClient(
        lab.address,
        ssl=True,
        root_certificates=str(own.ca),
        certificate_chain=str(own.cert),
        private_key=str(own.key),
    )
    with pytest.raises(triton.InferenceServerException, match="protocol is restricted"):
        client.get_log_settings()
    assert client.get_log_settings(headers=lab.server.admin_headers).settings
    client.close()


def test_the_key_is_in_no_command_line_and_not_in_the_log(lab: Lab) -> None:
    (key,) = lab.server.admin_headers.values()
    server = psutil.Process(lab.server.pid)
    family = [server, server.parent(), *server.children(recursive=True)]
    assert len(family) > 5
    for process in family:
        assert process is not None
        line = " ".join(process.cmdline())
        assert line
        assert key not in line
    assert "<secret>" in " ".join(server.cmdline())
    assert lab.server.log_path is not None
    assert key not in lab.server.log_path.read_text()
    # It is the real one, over HTTP, too.
    assert lab.server.http_address is not None
    for given, status in ((key, 200), ("<secret>", 403)):
        connection = http.client.HTTPConnection(lab.server.http_address, timeout=60)
        connection.request("GET", "/v2/logging", headers={"allclient-admin": given})
        assert connection.getresponse().status == status
        connection.close()


def test_a_server_that_dies_comes_back_with_tls(lab: Lab, tmp_path: Path) -> None:
    os.kill(lab.server.pid, signal.SIGKILL)
    assert lab.again.wait(240), lab.said
    with Client(lab.address, tls=lab.client_of(lab.clients, tmp_path)) as client:
        assert client.classify(FIELD).votes
    with (
        Client(lab.address, retry=ONCE, timeout=30) as client,
        pytest.raises(ServerUnavailableError),
    ):
        client.classify(FIELD)
