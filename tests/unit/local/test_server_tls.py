"""The files of a server with TLS: what is refused, and whether its own probe gets in."""

from __future__ import annotations

import concurrent.futures
import datetime
import re
from pathlib import Path

import click.testing
import grpc
import pytest
import trustme

from allclient.cli.group import cli
from allclient.errors import ConfigurationError
from allclient.local.options import Options
from allclient.local.server import TritonServer
from allclient.local.tls import ServerTls
from allclient.transport import TlsOptions

MODELS = Path(__file__).resolve().parents[3] / "model_repository"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def files(certificate: trustme.LeafCert, folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "server.pem", folder / "server.key"
    cert.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(key)
    return cert, key


def reaches(tls: ServerTls, client: TlsOptions, authorities: Path | None) -> bool:
    """Whether a client gets into a server that uses these files as Triton is told to."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    credentials = grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.cert.read_bytes())],
        root_certificates=None if authorities is None else authorities.read_bytes(),
        require_client_auth=authorities is not None,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    assert client.ca is not None
    pair = [Path(one).read_bytes() if one else None for one in (client.key, client.cert)]
    channel = grpc.secure_channel(
        f"127.0.0.1:{port}",
        grpc.ssl_channel_credentials(Path(client.ca).read_bytes(), *pair),
        options=[("grpc.ssl_target_name_override", client.server_name)],
    )
    call = channel.unary_unary("/none/None")
    try:
        call(b"", timeout=30)
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.UNIMPLEMENTED  # an answer
    finally:
        channel.close()
        server.stop(None)
    raise AssertionError


@pytest.mark.parametrize("name", ["triton.example", "*.lab.example", "192.0.2.7"])
def test_the_probe_gets_in_whatever_name_the_certificate_is_for(
    authority: trustme.CA, tmp_path: Path, name: str
) -> None:
    child = authority.create_child_ca()
    tls = ServerTls(*files(child.issue_cert(name), tmp_path))
    prepared = tls.prepare(tmp_path)
    assert prepared.options == {
        "grpc-use-ssl": "true",
        "grpc-server-cert": str(tls.cert),
        "grpc-server-key": str(tls.key),
    }
    assert reaches(tls, prepared.client, None)


def test_with_mutual_tls_the_probe_has_a_certificate_that_this_server_alone_trusts(
    authority: trustme.CA, tmp_path: Path
) -> None:
    clients = trustme.CA()
    client_ca = tmp_path / "clients.pem"
    clients.cert_pem.write_to_path(client_ca)
    tls = ServerTls(*files(authority.issue_cert("triton.example"), tmp_path), client_ca)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first, second = (tls.prepare(folder) for folder in folders)
    trusted = Path(str(first.options["grpc-root-cert"]))
    assert first.options["grpc-use-ssl-mutual"] == "true"
    assert clients.cert_pem.bytes().strip() in trusted.read_bytes()
    assert reaches(tls, first.client, trusted)
    assert not reaches(tls, second.client, trusted)
    assert not reaches(tls, TlsOptions(tls.cert, server_name="triton.example"), trusted)
    for path in folders[0].iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_cannot_work_is_refused_before_the_start(
    authority: trustme.CA, tmp_path: Path
) -> None:
    cert, _ = files(authority.issue_cert("triton.example"), tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, wrong = files(authority.issue_cert("triton.example"), other)
    with pytest.raises(ConfigurationError, match=r"server\.pem.*other.*KEY_VALUES_MISMATCH"):
        ServerTls(cert, wrong)
    with pytest.raises(ConfigurationError, match=r"TLS key file .*none\.key.* cannot be read"):
        ServerTls(cert, tmp_path / "none.key")
    old = tmp_path / "old"
    old.mkdir()
    ended = authority.issue_cert(
        "triton.example", not_after=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    )
    with pytest.raises(ConfigurationError, match=r"certificate in .*old.* ended on 2020-01-02"):
        ServerTls(*files(ended, old))
    nameless = tmp_path / "nameless"
    nameless.mkdir()
    tls = ServerTls(*files(authority.issue_cert(common_name="only-common"), nameless))
    with pytest.raises(ConfigurationError, match="names no host"):
        tls.prepare(nameless)


def test_http_is_no_way_around_tls(authority: trustme.CA, tmp_path: Path) -> None:
    tls = ServerTls(*files(authority.issue_cert("triton.example"), tmp_path))
    with pytest.raises(ConfigurationError, match="no TLS for HTTP"):
        TritonServer(Options(MODELS, host="0.0.0.0", http_port=0, tls=tls))
    TritonServer(Options(MODELS, host="127.0.0.1", http_port=0, tls=tls))
    TritonServer(Options(MODELS, host="0.0.0.0", metrics_port=0, tls=tls))


@pytest.mark.parametrize(
    "options",
    [["--tls-cert", "a.pem"], ["--tls-key", "a.key"], ["--client-ca", "ca.pem"]],
    ids=" ".join,
)
def test_half_of_the_files_is_a_wrong_option(options: list[str]) -> None:
    done = click.testing.CliRunner().invoke(cli, ["serve", *options])
    assert done.exit_code == 2
    assert re.search("TLS needs --tls-cert and --tls-key", done.output)
