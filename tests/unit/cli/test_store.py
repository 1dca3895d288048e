"""``allclient store``: what the owner of a store does outside of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the store needs the extra web")

from sqlalchemy import text

from allclient.cli import codes
from allclient.cli.group import run
from allclient.store import SYSTEM, Store, cases, tokens, users
from allclient.store.words import Purpose, Role
from tests.unit.store.made import ANNA, accepted, picture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a person, a case and an image."""
    folder = tmp_path / "data"
    store = Store(folder)
    with store.write() as session:
        users.add(session, SYSTEM, "Anna", "hash", Role.ADMIN)
        case_id = cases.make(session, ANNA, "Marrow").id
    accepted(store, case_id, picture())
    store.close()
    return folder


def call(*words: str | Path) -> int:
    return run(["store", *(str(word) for word in words)])


def by_hand(data: Path, statement: str) -> None:
    store = Store(data)
    with store.write() as session:
        session.execute(text("DROP TRIGGER audit_no_update"))
        session.execute(text("DROP TRIGGER audit_no_delete"))
        session.execute(text(statement))
    store.close()


def test_check_prints_the_end_of_the_log_and_takes_it_back(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check", "--data", data) == codes.CLASSIFIED
    end = capsys.readouterr().out.splitlines()[-1]
    assert call("check", "--data", data, "--head", end) == codes.CLASSIFIED
    by_hand(data, "DELETE FROM audit WHERE number = 3")
    assert call("check", "--data", data) == codes.CLASSIFIED
    assert call("check", "--data", data, "--head", end) == codes.SOME_FAILED
    assert "entry 3 is missing" in capsys.readouterr().err


def test_check_says_which_entry_was_changed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand(data, "UPDATE audit SET actor = 'Mallory' WHERE number = 2")
    assert call("check", "--data", data) == codes.SOME_FAILED
    assert "entry 2 was changed" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["check"], ["backup", "b"], ["retain", "--days", "9"]])
def test_a_folder_without_a_store_is_refused_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "nowhere", tmp_path / "empty"):
        assert call(*words, "--data", folder) == codes.USAGE
        assert "there is no store in" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize("head", ["x", "3", "3:abc", "x:" + "0" * 64])
def test_an_end_of_a_log_that_is_none_is_refused(data: Path, head: str) -> None:
    assert call("check", "--data", data, "--head", head) == codes.USAGE


def test_invite_prints_a_link_that_is_good(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("invite", "--data", data, "--role", "admin", "--url", "https://x.example/s/") == 0
    link = capsys.readouterr().out.strip()
    assert link.startswith("https://x.example/s/welcome/")
    store = Store(data)
    with store.read() as session:
        secret = tokens.find(session, Purpose.INVITATION, link.rpartition("/")[2])
    store.close()
    assert secret is not None
    assert secret.role == "admin"


def test_backup_and_restore_in_two_commands(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("backup", tmp_path / "backup", "--data", data) == 0
    assert call("restore", tmp_path / "backup", "--data", tmp_path / "new") == 0
    assert "1 images; the audit log holds" in capsys.readouterr().out
    assert call("restore", tmp_path / "backup", "--data", data) == codes.USAGE
    assert "empty store" in capsys.readouterr().err


def test_retain_deletes_nothing_unless_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(data)
    with store.write() as session:
        session.execute(text("UPDATE cases SET created_at = '2000-01-01 00:00:00'"))
    store.close()
    assert call("retain", "--data", data, "--days", "30") == 0
    assert "1 cases are older" in capsys.readouterr().out
    assert call("retain", "--data", data, "--days", "30", "--delete") == 0
    assert "deleted 1 cases" in capsys.readouterr().out
    assert call("retain", "--data", data, "--days", "30") == 0
    assert "0 cases are older" in capsys.readouterr().out


def test_a_data_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert call("check", "--data", tmp_path / "file" / "data") == codes.USAGE
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--no-server", "--server", "127.0.0.1:1"],
        ["--no-server", "--flavour", "gpu"],
        ["--root-path", "smears", "--no-server"],
        ["--port", "70000"],
    ],
)
def test_options_of_web_that_exclude_each_other_are_refused(
    tmp_path: Path, words: list[str]
) -> None:
    assert run(["web", "--data", str(tmp_path), *words]) == codes.USAGE
