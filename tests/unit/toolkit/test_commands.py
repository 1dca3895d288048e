"""The command group and the errors that training and conversion share."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from toolkit import commands
from training.cli import main as training

COMMAND = """
import click

@click.command()
def {0}():
    click.echo("{0}")
"""


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> click.Group:
    """A group of two commands, one of which cannot be imported, and a module of options."""
    folder = tmp_path / "drawn_commands"
    folder.mkdir()
    (folder / "greet.py").write_text(COMMAND.format("greet"))
    (folder / "broken.py").write_text("import package_that_nobody_wrote\n")
    (folder / "_options.py").write_text("raise AssertionError('no command asked for these')\n")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("drawn_commands")]:
        monkeypatch.delitem(sys.modules, name)
    return commands.group("drawn_commands", [str(folder)], "Drawn.", renamed={"hail": "greet"})


def test_a_command_is_the_module_of_its_name_and_the_others_are_not_imported(
    group: click.Group,
) -> None:
    assert group.list_commands(click.Context(group)) == ["broken", "greet"]
    result = CliRunner().invoke(group, ["greet"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "greet\n", "")
    assert CliRunner().invoke(group, ["_options"]).exit_code == 2


def test_an_old_name_works_and_says_the_new_one(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["hail"])
    assert (result.exit_code, result.stdout) == (0, "greet\n")
    assert "hail is now called greet" in result.stderr


@pytest.mark.parametrize(("old", "new"), [("views", "augment"), ("hints", "distil")])
def test_old_names_of_training_still_work(old: str, new: str) -> None:
    result = CliRunner().invoke(training, [old, "--help"])
    assert result.exit_code == 0
    assert f"{old} is now called {new}" in result.stderr


def test_errors_are_one_sentence_and_a_missing_package_is_told_with_its_extra() -> None:
    with pytest.raises(click.ClickException, match="no such folder"), commands.clear_errors():
        raise ValueError("no such folder")
    told = pytest.raises(click.ClickException, match=r"nobody_wrote.*allclient\[convert\]")
    with told, commands.clear_errors():
        raise ModuleNotFoundError("no module", name="package_that_nobody_wrote")
    with pytest.raises(FloatingPointError), commands.clear_errors():
        raise FloatingPointError
    with pytest.raises(click.ClickException), commands.clear_errors(FloatingPointError):
        raise FloatingPointError("the loss is nan")


def test_a_full_disk_is_told_as_such() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(click.ClickException) as told, commands.clear_errors():
        full.write_text("a record")
    assert told.value.message.startswith("the disk is full: ")
    assert "give the same command again" in told.value.message
