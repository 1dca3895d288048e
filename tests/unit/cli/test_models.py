"""`allclient models --server` at a server with mutual TLS, and at several."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from allclient import release
from allclient.cli.group import cli
from allclient.errors import ConfigurationError, ServerTimeoutError, ServerUnavailableError
from allclient.local.releases import Releases
from tests.unit.client.kserve import KServe
from tests.unit.client.test_tls import client_files, serve

REPOSITORY = Path(__file__).parents[3] / "model_repository"


@pytest.fixture
def folder(tmp_path: Path) -> Releases:
    """Two releases, of which the first is active."""
    releases = Releases(tmp_path / "releases")
    for number in range(2):
        made = shutil.copytree(REPOSITORY, tmp_path / f"made-{number}")
        (made / "vote/1/policy.json").write_text(json.dumps({"number": number}))
        shutil.move(made, releases.folder / release.stamp(made))
    releases.activate(names(releases)[0])
    return releases


def names(releases: Releases) -> list[str]:
    return sorted(one.name for one in releases.all())


def models(folder: Releases, *words: object) -> Result:
    arguments = ["models", *map(str, words), "--releases", str(folder.folder)]
    return CliRunner().invoke(cli, arguments)


def test_a_server_with_mutual_tls_is_asked_with_a_certificate(
    folder: Releases, tmp_path: Path
) -> None:
    before, after = names(folder)
    authority = trustme.CA()
    ca, token = tmp_path / "ca.pem", tmp_path / "token"
    authority.cert_pem.write_to_path(ca)
    token.write_text("secret\n")
    files = client_files(authority, tmp_path)
    with serve(authority, mutual=True) as server:
        server.serves = after
        at = ("--server", server.address, "--tls-ca", ca)
        own = (*at, "--tls-cert", files["cert"], "--tls-key", files["key"])
        refused = models(folder, "activate", after, *at)
        assert isinstance(refused.exception, ServerUnavailableError)
        assert folder.active().name == before
        done = models(folder, "activate", after, *own, "--token-file", token)
        assert done.exit_code == 0, done.output
        assert folder.active().name == after
        assert server.headers[-1]["authorization"] == "Bearer secret"
        server.serves = before
        back = models(folder, "rollback", *own)
        assert back.exit_code == 0, back.output
        assert folder.active().name == before


def test_tls_options_without_a_server_are_a_mistake(folder: Releases, tmp_path: Path) -> None:
    before, after = names(folder)
    done = models(folder, "activate", after, "--tls-ca", tmp_path / "ca.pem")
    assert done.exit_code == 2
    assert "need --server" in done.output
    assert folder.active().name == before


def test_each_of_several_servers_has_to_serve_it(folder: Releases) -> None:
    before, after = names(folder)
    with KServe() as one, KServe() as other:
        both = ("--server", f"{one.address},{other.address}")
        one.serves, other.serves = after, before
        late = models(folder, "activate", after, *both, "--wait", "0.1")
        assert isinstance(late.exception, ServerTimeoutError)
        assert f"{one.address} serves {after}" in late.output
        assert f"{other.address} still serves {before}" in str(late.exception)
        assert one.address not in str(late.exception)
        assert f"{before} is active again, for all servers" in str(late.exception)
        assert folder.active().name == before
        other.serves = after
        done = models(folder, "activate", after, *both)
        assert done.exit_code == 0, done.output
        assert all(f"{server.address} serves {after}" in done.output for server in (one, other))
        assert folder.active().name == after
        other.stop()
        one.serves = before
        away = models(folder, "rollback", *both)
        assert isinstance(away.exception, ServerUnavailableError)
        assert other.address in str(away.exception)
        assert "again" not in str(away.exception), "nothing was changed"
        assert folder.active().name == after


def test_a_list_that_is_none_changes_nothing(folder: Releases) -> None:
    before, after = names(folder)
    wrong = models(folder, "activate", after, "--server", "127.0.0.1:1,")
    assert isinstance(wrong.exception, ConfigurationError)
    assert folder.active().name == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_takes_the_change_back(folder: Releases, number: int, code: int) -> None:
    before, after = names(folder)
    with KServe() as server:
        words = ("activate", after, "--releases", folder.folder, "--server", server.address)
        process = subprocess.Popen(
            [sys.executable, "-m", "allclient", "models", *words],
            stderr=subprocess.PIPE,
            text=True,
        )
        while folder.active().name == before:
            assert process.poll() is None, process.communicate()
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == code, said
    assert f"{before} is active again" in said
    assert folder.active().name == before


def test_a_folder_without_a_release_says_how_one_comes_there(tmp_path: Path) -> None:
    done = models(Releases(tmp_path), "list")
    assert done.exit_code == 0
    assert "allclient models add puts one there" in done.output
    wrong = models(Releases(tmp_path), "add", tmp_path / "nothing")
    assert str(wrong.exception) == f"the model repository {tmp_path / 'nothing'} is not a folder"
