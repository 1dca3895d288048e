"""What a server opens, as options of Triton; and its log over several starts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from allclient.errors import ConfigurationError
from allclient.local.access import RESTRICTED, Access
from allclient.local.logfile import ServerLog
from allclient.local.ports import Ports


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_only_grpc_is_open_and_nothing_can_be_changed(address: str) -> None:
    access = Access()
    options = access.options(address, Ports(9001))
    (header,) = access.headers
    key = access.headers[header]
    assert header == "triton-grpc-protocol-allclient-admin"
    assert len(key) == 32
    assert access.variables == {"ALLCLIENT_ADMIN_KEY": key}
    assert options == {
        "grpc-address": address,
        "grpc-port": 9001,
        "allow-http": "false",
        "allow-metrics": "false",
        "grpc-restricted-protocol": (
            "shared-memory,model-repository,logging,trace:allclient-admin=<secret>"
        ),
    }
    assert Access().headers != access.headers


def test_http_is_restricted_as_grpc_is() -> None:
    options = Access(["trace"]).options("127.0.0.1", Ports(9001, 9000, 9002))
    assert options["http-restricted-api"] == options["grpc-restricted-protocol"]
    assert str(options["http-restricted-api"]).startswith("shared-memory,model-repository,logging:")
    assert [options[f"{name}-port"] for name in ("grpc", "http", "metrics")] == [9001, 9000, 9002]
    assert options["allow-http"] == options["allow-metrics"] == "true"


def test_all_can_be_opened_and_nothing_else() -> None:
    assert not any("restricted" in name for name in Access(RESTRICTED).options("::", Ports(1, 2)))
    with pytest.raises(ConfigurationError, match="inference cannot be allowed; what can: shared-m"):
        Access(["inference"])


class TestLog:
    def test_a_named_file_holds_all_starts_and_text_the_last(self, tmp_path: Path) -> None:
        given = tmp_path / "triton.log"
        given.write_text("of another server\n")
        log = ServerLog(given)
        for words in ("first\n", "second\n"):
            assert log.begin(tmp_path / "private") == given
            with given.open("a") as file:
                file.write(words)
            assert log.text() == words
        log.keep()
        log.end()
        assert log.path == given
        assert given.read_text() == "first\nsecond\n"
        assert stat.S_IMODE(given.stat().st_mode) & 0o111 == 0
        log.begin(tmp_path / "private")  # another server
        assert given.read_text() == ""

    def test_a_private_one_goes_unless_it_is_kept(self, tmp_path: Path) -> None:
        log = ServerLog(None)
        assert (log.path, log.text()) == (None, "")
        private = log.begin(tmp_path / "server.log")
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        log.end()
        assert log.path is None

        log.begin(private).write_text("why it died\n")
        log.keep()
        private.unlink()
        assert log.path is not None
        assert log.path != private
        assert log.path.read_text() == "why it died\n"
        kept = log.path
        log.begin(tmp_path / "server-2.log").write_text("alive\n")
        assert log.text() == "alive\n"
        log.end()
        assert kept.read_text() == "why it died\n"
        kept.unlink()

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"log file .*none/x\.log cannot be written"):
            ServerLog(tmp_path / "none" / "x.log").begin(tmp_path / "private")
