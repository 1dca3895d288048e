from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from allclient.errors import ConfigurationError
from allclient.transport.options import Connection, Retry, TlsOptions, is_loopback, parse_address


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("triton", "triton:8001"),
        ("triton.example:9001", "triton.example:9001"),
        (" 127.0.0.1:8001 ", "127.0.0.1:8001"),
        ("grpc://triton.example", "triton.example:8001"),
        ("grpc://triton.example:8001/", "triton.example:8001"),
        ("[::1]:8001", "[::1]:8001"),
        ("[fe80::1]", "[fe80::1]:8001"),
    ],
)
def test_address(given: str, address: str) -> None:
    assert parse_address(given) == address


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "is not host:port"),
        (":8001", "is not host:port"),
        ("http://triton:8000", "allclient speaks gRPC, not http"),
        ("triton:port", "'port' is not a port"),
        ("triton:0", "not a port from 1 to 65535"),
        ("triton:65536", "not a port from 1 to 65535"),
        ("triton:8001/v2", "not a port"),
        ("user@triton:8001", "is not host:port"),
        ("::1", "write an IPv6 address as"),
        ("[::1", r"is not \[ipv6\]:port"),
    ],
)
def test_wrong_address_is_named(given: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_address(given)


def test_loopback() -> None:
    loopback = ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"]
    assert all(is_loopback(address) for address in loopback)
    assert not any(
        is_loopback(address) for address in ["10.0.0.1:1", "triton:1", "[2001:db8::1]:1"]
    )


def test_pauses_grow_to_a_limit_and_differ() -> None:
    pauses = [list(islice(Retry(first=1, longest=3).pauses(), 4)) for _ in range(50)]
    for row in pauses:
        for pause, whole in zip(row, (1, 2, 3, 3), strict=True):
            assert whole / 2 <= pause <= whole
    assert len({row[0] for row in pauses}) > 1


def test_pauses_stay_numbers_for_ever() -> None:
    assert next(islice(Retry().pauses(), 5000, None)) <= 2.0


@pytest.mark.parametrize("name", ["seconds", "first_contact", "first", "longest"])
def test_retry_knows_no_negative_time(name: str) -> None:
    with pytest.raises(ConfigurationError, match="negative"):
        Retry(**{name: -1.0})


def test_a_lost_connection_is_made_again_within_a_second_and_given_time() -> None:
    """gRPC alone waits up to two minutes between tries. Its "min" bounds one try, not a pause."""
    arguments = dict(Connection("localhost").client_arguments()["channel_args"])  # type: ignore[call-overload]
    assert arguments["grpc.max_reconnect_backoff_ms"] <= 1000
    assert arguments["grpc.min_reconnect_backoff_ms"] >= 5000


def test_missing_tls_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    with pytest.raises(
        ConfigurationError, match=r"TLS ca file .*ca\.pem.* cannot be read: No such"
    ):
        TlsOptions(ca=missing)


def test_tls_file_that_is_no_pem_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.der"
    wrong.write_bytes(b"\x30\x82")
    with pytest.raises(ConfigurationError, match=r"ca\.der.* is not PEM"):
        TlsOptions(ca=wrong)


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    pem = tmp_path / "one.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(ConfigurationError, match="cert is given, key is missing"):
        TlsOptions(cert=pem)
    with pytest.raises(ConfigurationError, match="key is given, cert is missing"):
        TlsOptions(key=pem)


def test_token_never_crosses_a_network_in_clear() -> None:
    with pytest.raises(ConfigurationError, match="unencrypted; use TLS"):
        Connection("triton.example:8001", token="secret-word")
    assert Connection("localhost", token="t").metadata() == {"authorization": "Bearer t"}
    assert Connection("triton.example", token="t", tls=TlsOptions()).token == "t"


def test_secrets_stay_out_of_repr_and_messages() -> None:
    connection = Connection("localhost", token="secret-word", headers={"x-key": "secret-word"})
    assert "secret-word" not in repr(connection)
    with pytest.raises(ConfigurationError) as caught:
        Connection("localhost", headers={"X-Key": "secret-word"})
    assert "'X-Key'" in str(caught.value)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "line\nbreak", "\u00fc"])
def test_token_no_header_may_hold(token: str) -> None:
    with pytest.raises(ConfigurationError, match="token is empty or holds"):
        Connection("localhost", token=token)


def test_timeout_is_positive() -> None:
    with pytest.raises(ConfigurationError, match="above 0 seconds"):
        Connection("localhost", timeout=0)


def test_a_proxy_never_stands_before_this_machine() -> None:
    def proxied(address: str) -> bool:
        arguments = Connection(address).client_arguments()["channel_args"]
        return ("grpc.enable_http_proxy", 0) not in arguments  # type: ignore[operator]

    assert not proxied("127.0.0.1:8001")
    assert proxied("triton.example:8001")
