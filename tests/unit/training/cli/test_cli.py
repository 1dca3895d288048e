from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from training.cli import main


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["fit", "split", "calibrate", "evaluate"])
def test_every_command_has_help(command: str) -> None:
    assert f"{command} [OPTIONS]" in run(command, "--help").output


def test_a_folder_without_split_cannot_be_trained_on_yet(folders: Path, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    result = run(
        "fit",
        "--backbone",
        "mobilenet",
        "--data",
        folders,
        "--out",
        tmp_path / "run",
        "--learn",
        "all",
    )
    assert result.exit_code == 1
    assert "python -m training split" in result.output


@pytest.mark.parametrize("stage", ["112", "112:x", "112:3:1e-3:9"])
def test_a_wrong_stage_is_a_usage_error(folders: Path, tmp_path: Path, stage: str) -> None:
    pytest.importorskip("keras")
    out = tmp_path / "run"
    result = run(
        "fit", "--backbone", "mobilenet", "--data", folders, "--out", out, "--stage", stage
    )
    assert result.exit_code == 2
    assert "--stage" in result.output


def test_evaluate_wants_one_source_of_answers(folders: Path) -> None:
    assert run("evaluate", "--data", folders).exit_code == 2
    both = run("evaluate", "--data", folders, "--keras", folders, "--server", "127.0.0.1:1")
    assert both.exit_code == 2


def test_evaluate_names_the_missing_master(folders: Path) -> None:
    pytest.importorskip("keras")
    result = run("evaluate", "--data", folders, "--keras", folders)
    assert result.exit_code == 1
    assert "no mobilenet.keras in" in result.output
