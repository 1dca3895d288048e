"""A running server changes its release under load: nobody's request fails, no answer is mixed."""

from __future__ import annotations

import json
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from allclient import Client, release
from allclient.cli.group import cli
from allclient.contract import CASCADE, ENSEMBLE
from allclient.local import LocalServer, golden, switch
from allclient.local.follow import Follower
from allclient.transport import Retry
from convert.repository.writer import drawn_fields

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
FIELDS = list(drawn_fields().values())


@pytest.fixture
def made(tmp_path: Path, server: LocalServer) -> Path:
    """What ``convert repository --check`` writes, with the checkout's models."""
    folder = shutil.copytree(REPOSITORY, tmp_path / "made")
    release.stamp(folder)
    golden.record(folder, server.grpc_address, drawn_fields())
    return folder


def change_policy(repository: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Make another release of a repository; return its name."""
    path = repository / "vote/1/policy.json"
    policy = json.loads(path.read_text("utf-8"))
    change(policy)
    path.write_text(json.dumps(policy), "utf-8")
    return release.stamp(repository)


def review_all(policy: dict[str, Any]) -> None:
    policy["confidence"] = dict.fromkeys(policy["confidence"], 1.0)


def models(*arguments: str, releases: Path) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments, "--releases", str(releases)])


class Load:
    """Clients that never try again, until the block ends."""

    def __init__(self, address: str) -> None:
        self.answers: dict[tuple[str, str, int], set[tuple[str, ...]]] = defaultdict(set)
        self.errors: list[Exception] = []
        self._address = address
        self._over = threading.Event()
        self._seen = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, args=(model,)) for model in (ENSEMBLE, CASCADE)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, name: str) -> None:
        """Wait until every client had every field answered by this release."""
        wanted = {(model, name, at) for model in (ENSEMBLE, CASCADE) for at in range(len(FIELDS))}
        with self._seen:
            assert self._seen.wait_for(lambda: self.errors or wanted <= set(self.answers), 120)
        assert not self.errors

    def _work(self, model: str) -> None:
        with Client(self._address, model=model, retry=Retry(seconds=0)) as client:
            for at in self._fields():
                try:
                    result = client.classify(FIELDS[at])
                except Exception as error:
                    self.errors.append(error)
                    return
                with self._seen:
                    words = (result.label.value, *(reason.value for reason in result.review))
                    self.answers[model, result.release, at].add(words)
                    self._seen.notify_all()

    def _fields(self) -> Iterator[int]:
        while not self._over.is_set():
            yield from range(len(FIELDS))


def test_releases_change_under_load(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "_QUIET", 1.0)
    releases = tmp_path / "releases"
    first = release.digest(made)
    shutil.copytree(made, releases / first)
    second = change_policy(made, review_all)
    added = models("add", str(made), releases=releases)
    assert (added.exit_code, added.stdout.strip()) == (0, second), added.output
    broken = change_policy(made, dict.clear)
    shutil.copytree(made, releases / broken)  # as if it had broken since it was added
    assert models("activate", first, releases=releases).exit_code == 0

    said: list[str] = []
    follower = Follower(releases, said.append)
    with (
        LocalServer(follower.repository, reloadable=True, notify=said.append) as server,
        Load(server.grpc_address) as load,
    ):
        pid = server.pid
        load.wait_for(first)
        for command, name in (("activate", second), ("rollback", first)):
            words = [command, *([second[:8]] if command == "activate" else [])]
            results: list[Result] = []
            waiting = threading.Thread(
                target=lambda words=words, results=results: results.append(
                    models(*words, "--server", server.grpc_address, releases=releases)
                )
            )
            waiting.start()
            while waiting.is_alive():
                follower.follow(server)
                waiting.join(0.1)
            assert results[0].exit_code == 0, results[0].output
            assert server.release == name
            load.wait_for(name)
        assert models("activate", broken, releases=releases).exit_code == 0
        follower.follow(server)
        assert f"release {first} is still served" in said[-1]
        load.wait_for(first)
        assert server.release == first
        assert server.pid == pid
    assert not load.errors
    assert not [text for text in said if "starting it again" in text]
    assert all(len(answers) == 1 for answers in load.answers.values()), "none is of two releases"
    assert all(
        "low_confidence" in next(iter(answers))
        for (_, name, _), answers in load.answers.items()
        if name == second
    )
    listed = models("list", releases=releases).stdout
    assert {f"* {broken}", f"- {first}", f"  {second}"} <= {
        line[:14] for line in listed.splitlines()
    }
