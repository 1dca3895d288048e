"""The folder of releases: what is taken, what is active, and what was before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from allclient import release
from allclient.cli.group import cli
from allclient.errors import ConfigurationError, LocalServerError, ServerUnavailableError
from allclient.local import golden, releases, served
from allclient.local.follow import Follower
from allclient.local.releases import Releases

REPOSITORY = Path(__file__).parents[3] / "model_repository"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """A folder in which every golden answer is right."""
    monkeypatch.setattr(golden, "check", lambda _: 6)
    return Releases(tmp_path / "releases")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    made = shutil.copytree(REPOSITORY, tmp_path / "made")
    release.stamp(made)
    return made


def another(made: Path, number: int) -> str:
    (made / "vote/1/policy.json").write_text(json.dumps({"number": number}))
    return release.stamp(made)


def test_the_way_there_and_back(folder: Releases, made: Path) -> None:
    assert folder.all() == []
    with pytest.raises(ConfigurationError, match=r"no release in .* is active"):
        folder.active()
    first = folder.add(made)[0]
    with pytest.raises(ConfigurationError, match=f"has release {first} already"):
        folder.add(made)
    assert folder.activate(first[:4]) == first
    with pytest.raises(ConfigurationError, match="no other release"):
        folder.rollback()
    another(made, 1)
    second = folder.add(made)[0]
    assert folder.active() == folder.folder / first, "adding one does not serve it"
    assert folder.activate(second) == folder.activate(second) == second
    assert {(one.name, one.active, one.previous) for one in folder.all()} == {
        (first, False, True),
        (second, True, False),
    }
    assert folder.rollback() == first
    assert folder.rollback() == second, "a second time takes it back"
    assert {path.name for path in folder.folder.iterdir()} == {first, second, releases.ACTIVE}


def test_what_is_no_whole_release_is_refused(folder: Releases, made: Path) -> None:
    bin_file = made / "xception/1/model.bin"
    whole = bin_file.read_bytes()
    bin_file.write_bytes(whole[:-1])
    with pytest.raises(ConfigurationError, match="was changed after it was written: all_ensemble"):
        folder.add(made)
    release.stamp(made)
    with pytest.raises(ConfigurationError, match=r"xception/1/model.bin is not the file that was"):
        folder.add(made)
    bin_file.write_bytes(whole)
    record = made / "mobilenet/1/metadata.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"for_serving": False}))
    release.stamp(made)
    with pytest.raises(ConfigurationError, match="mobilenet/1 is not for serving"):
        folder.add(made)
    record.unlink()
    release.stamp(made)
    with pytest.raises(ConfigurationError, match=r"metadata.json cannot be read"):
        folder.add(made)
    record.write_text(json.dumps(content))
    release.stamp(made)
    (made / "repository.json").write_text('{"complete": false}')
    with pytest.raises(ConfigurationError, match="was not written to its end"):
        folder.add(made)
    shutil.rmtree(made / "cells")
    with pytest.raises(ConfigurationError, match="has no cells"):
        folder.add(made)
    assert not folder.folder.exists()


def test_what_answers_otherwise_is_not_added(
    folder: Releases, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> int:
        raise LocalServerError("answers otherwise")

    monkeypatch.setattr(golden, "check", fail)
    with pytest.raises(LocalServerError):
        folder.add(made)
    assert list(folder.folder.iterdir()) == []


def test_what_was_changed_since_is_not_activated(folder: Releases, made: Path) -> None:
    name = folder.add(made)[0]
    (folder.folder / name / "vote/1/policy.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="was changed after it was added"):
        folder.activate(name)
    for start in ("x", ""):
        with pytest.raises(ConfigurationError, match=f"has no release .* begins with .*{name}"):
            folder.activate(start)


def test_no_server_there_leaves_the_release_before(
    folder: Releases, made: Path, unused_tcp_port: int
) -> None:
    first = folder.add(made)[0]
    folder.activate(first)
    another(made, 1)
    second = folder.add(made)[0]
    words = ["models", "activate", second, "--releases", str(folder.folder)]
    words += ["--server", f"127.0.0.1:{unused_tcp_port}"]
    result = CliRunner().invoke(cli, words)
    assert isinstance(result.exception, ServerUnavailableError)
    assert folder.active().name == first


class Server:
    """A server to follow with; ``trouble`` is raised by its next changes."""

    def __init__(self, repository: Path) -> None:
        self.model_repository = repository
        self.trouble: list[Exception] = []
        self.tries = 0

    @property
    def release(self) -> str:
        return self.model_repository.name

    def activate(self, repository: Path) -> None:
        self.tries += 1
        if self.trouble:
            raise self.trouble.pop()
        self.model_repository = repository


@pytest.mark.parametrize(
    ("trouble", "tries", "changed"),
    [
        ([], 1, True),
        ([LocalServerError("does not load")] * 3, 1, False),
        ([ServerUnavailableError("lost")], 2, True),
        ([ServerUnavailableError("lost")] * 9, 2, False),
    ],
)
def test_a_server_follows(
    folder: Releases, made: Path, trouble: list[Exception], tries: int, changed: bool
) -> None:
    first = folder.add(made)[0]
    folder.activate(first)
    said: list[str] = []
    follower = Follower(folder.folder, said.append)
    server = Server(follower.repository)
    another(made, 1)
    second = folder.add(made)[0]
    server.trouble = list(trouble)
    for _ in range(4):
        follower.follow(server)  # type: ignore[arg-type]
    assert server.tries == 0
    folder.activate(second)
    for _ in range(4):
        follower.follow(server)  # type: ignore[arg-type]
    assert server.tries == tries
    assert server.release == (second if changed else first)
    assert said[-1].startswith(f"serving release {second}" if changed else f"release {first} is")


def test_second_names(made: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for model in served.present(made):
        served.write_renamed(models, made / model, f"{model}_b", served.SECOND, "0123456789ab")
    configs = {
        path.parent.name: text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
        for path in models.glob("*/config.pbtxt")
    }
    assert set(configs) == {f"{model}_b" for model in served.present(made)}
    for name, config in configs.items():
        assert config.name == name
        steps = {step.model_name for step in config.ensemble_scheduling.step}
        assert steps <= set(configs)
        assert (models / name / "1").is_dir()
    assert configs["all_cascade_b"].parameters["MEMBERS"].string_value == "{}_b"
    named = {n for n, c in configs.items() if c.parameters["release"].string_value}
    assert named == {f"{model}_b" for model in release.STAMPED}
    assert {path.name for path in (models / "xception_b/configs").iterdir()} == {
        path.name for path in (made / "xception/configs").iterdir()
    }


def answer(vote: str, *probabilities: float) -> dict[str, object]:
    classes = dict(zip(("benign", "early_pre_b", "pre_b", "pro_b"), probabilities, strict=True))
    backbones = ("mobilenet", "xception", "inception_v3")
    return {
        "label": "benign" if vote == "benign" else "malignant",
        "subtype": vote,
        "votes": dict.fromkeys(backbones, vote),
        "backbone_probabilities": dict.fromkeys(backbones, classes),
    }


def test_golden_answers() -> None:
    golden_answer = answer("pre_b", 0.1, 0.2, 0.6, 0.1)
    assert not list(golden.differences(golden_answer, answer("pre_b", 0.14, 0.2, 0.56, 0.1)))
    far = list(golden.differences(golden_answer, answer("pre_b", 0.2, 0.2, 0.5, 0.1)))
    assert far[0] == "a probability of mobilenet differs by 0.100"
    other = list(golden.differences(golden_answer, answer("benign", 0.1, 0.2, 0.6, 0.1)))
    assert other[0] == "it is benign instead of malignant"
    assert "xception says benign instead of pre_b" in other
    torn = answer("pre_b", 0.42, 0.08, 0.45, 0.05)
    assert not list(golden.differences(torn, answer("benign", 0.45, 0.08, 0.42, 0.05)))
