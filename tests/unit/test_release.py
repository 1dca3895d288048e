"""The name of a release follows its files and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from allclient import contract, release

REPOSITORY = Path(__file__).parents[2] / "model_repository"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(REPOSITORY, tmp_path / "models")


def test_equal_repositories_have_one_name_wherever_they_lie(copy: Path) -> None:
    name = release.digest(copy)
    assert len(name) == 12
    for stray in ("vote/1/__pycache__/majority.pyc", "vote/.DS_Store", ".writing-x/config.pbtxt"):
        (copy / stray).parent.mkdir(parents=True, exist_ok=True)
        (copy / stray).write_bytes(b"x")
    (copy / "repository.json").write_text("{}")
    assert release.digest(copy) == name
    assert release.digest(copy.rename(copy.with_name("elsewhere"))) == name


@pytest.mark.parametrize(
    "file",
    ["vote/1/policy.json", "xception/1/model.bin", "preprocess/1/pixels.py", "vote/config.pbtxt"],
)
def test_another_byte_is_another_release(copy: Path, file: str) -> None:
    name = release.digest(copy)
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content + b" ")
    assert release.digest(copy) != name
    (copy / file).write_bytes(content)
    assert release.digest(copy) == name


def test_a_file_that_moved_is_another_release(copy: Path) -> None:
    name = release.digest(copy)
    (copy / "vote/1/labels.txt").symlink_to("../labels.txt")
    assert release.digest(copy) != name


def test_the_name_is_written_beside_what_it_names(copy: Path) -> None:
    assert set(release.stamps(copy).values()) == {""}
    name = release.stamp(copy)
    assert release.stamps(copy) == dict.fromkeys(release.STAMPED, name)
    assert release.digest(copy) == name, "the name is no part of what it names"
    assert release.stamp(copy) == name
    config = (copy / "vote/config.pbtxt").read_text("utf-8")
    assert release.stamped(config, "other") == config.replace(name, "other")


def test_the_checkout_carries_no_name() -> None:
    """It would be wrong after the next change of any file."""
    assert set(release.stamps(REPOSITORY).values()) == {""}
    assert set(release.STAMPED) <= set(contract.MODELS)
