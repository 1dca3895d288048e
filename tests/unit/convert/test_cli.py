"""Which masters, where to: what is refused with exit code 2 or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from convert.cli import main

COMMANDS = ("savedmodel", "onnx", "openvino", "tensorrt", "parity", "reference")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_without_heavy_imports(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_group_lists_its_commands() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert f"  {name} " in listed


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["caffe"]).exit_code == 2


@pytest.mark.parametrize("arguments", [[], ["--all", "--backbone", "mobilenet"]])
def test_one_way_to_say_which_masters(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["savedmodel", *arguments])
    assert result.exit_code == 2
    assert "say which" in result.output


def test_a_missing_master_is_named_with_the_way_out(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["savedmodel", "--all", "--masters", str(tmp_path)])
    assert result.exit_code == 1
    assert str(tmp_path / "mobilenet.keras") in result.output
    assert "python -m training fit --backbone mobilenet" in result.output


def test_one_folder_for_several_masters_is_wrong_usage(master_file: Path, tmp_path: Path) -> None:
    twice = [str(master_file), str(master_file)]
    result = CliRunner().invoke(main, ["savedmodel", *twice, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "use --into" in result.output


def test_a_folder_with_something_else_is_not_emptied(master_file: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    result = CliRunner().invoke(main, ["savedmodel", str(master_file), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no SavedModel" in result.output
    assert precious.read_text() == "mine"


def test_savedmodel_goes_where_it_is_told_and_can_be_made_again(
    master_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.saved_model"
    for _ in range(2):
        result = CliRunner().invoke(main, ["savedmodel", str(master_file), "--out", str(out)])
        assert result.exit_code == 0, result.output
        assert (out / "saved_model.pb").is_file()
        assert (out / "metadata.json").is_file()


def test_data_that_is_no_folder_is_named(master_file: Path, tmp_path: Path) -> None:
    arguments = ["openvino", str(master_file), "--data", str(tmp_path / "nowhere")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"{tmp_path / 'nowhere'} is no folder" in result.output
