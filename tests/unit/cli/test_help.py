from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from allclient import __version__
from allclient.cli import codes
from allclient.cli.group import COMMANDS, cli

HEAVY = {"grpc", "numpy", "tritonclient", "rich", "openvino", "PIL", "asyncio"}


def commands() -> Iterator[tuple[str, click.Command]]:
    yield "allclient", cli
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command


@pytest.mark.parametrize("arguments", [["--help"], ["classify", "--help"], ["--version"]])
def test_help_loads_no_network_and_no_numbers(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom allclient.cli.group import run\n"
        f"run({arguments!r})\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value))
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help
    assert command.get_short_help_str()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value))
def test_every_command_shows_examples(name: str, command: click.Command) -> None:
    shown = command.get_help(click.Context(command, info_name=name))
    assert "Examples:" in shown
    assert "  allclient " in shown


def test_the_group_lists_every_command_and_exit_code(allclient: Callable[..., Any]) -> None:
    done = allclient("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.out
    documented = [value for value in vars(codes).values() if isinstance(value, int)]
    assert documented == [0, 1, 2, 3, 4, 130, 141, 143]
    for code in documented:
        assert str(code) in codes.HELP
    assert "not a medical device" in done.out


def test_version(allclient: Callable[..., Any]) -> None:
    assert allclient("--version") == allclient("--version")
    assert allclient("--version").out == f"allclient {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clasify"], "No such command 'clasify'"),
        (["classify"], "Missing argument 'PATH...'"),
        (["classify", "x", "--format", "xml"], "'xml' is not one of"),
        (["classify", "x", "--in-flight", "0"], "0 is not in the range"),
        (["classify", "x", "--resume"], "--resume needs --output"),
        (["classify", "x", "--overwrite"], "--overwrite needs --output, or another file"),
        (["classify", "x", "--um-per-pixel", "0"], "0.0 is not in the range"),
        (["classify", "x", "--um-per-pixel", "nan"], "--um-per-pixel is no number"),
        (["classify", "x", "--um-per-pixel", "small"], "'small' is not a valid float"),
        (["classify", "x", "--cells", "c.xlsx"], "ends in .csv or .jsonl, or a folder"),
        (["classify", "x", "--cells", "c.geojson"], "a folder, with / at its end, for GeoJSON"),
        (["classify", "x", "--cases", "c.txt"], "the name ends in .csv or .jsonl"),
        (["classify", "x", "--report", "x.png", "--overwrite"], "the name ends in .html"),
        (["classify", "x", "--case-by", "*.png"], "a pattern holds {case} once"),
        (["classify", "x", "--resume", "-o", "x.txt"], "a table cannot be resumed"),
        (["classify", "x", "--resume", "--overwrite", "-o", "x.csv"], "exclude each other"),
        (["classify", "x", "--null"], "name '-' as a PATH"),
        (["classify", "x", "--server", "t", "--flavour", "gpu"], "names another"),
        (["classify", "x", "--tls"], "need --server"),
        (["bench", "x", "--server", "t", "--flavour", "gpu"], "names another"),
        (["bench", "x", "--tls"], "need --server"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_usage_errors(
    allclient: Callable[..., Any], arguments: list[str], message: str, monkeypatch: Any
) -> None:
    monkeypatch.delenv("ALLCLIENT_SERVER", raising=False)
    done = allclient(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "Usage: allclient" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("shell", "mark"),
    [
        ("bash", "complete -o nosort -F"),
        ("zsh", "#compdef allclient"),
        ("fish", "complete --no-files --command allclient"),
    ],
)
def test_completion_script(allclient: Callable[..., Any], shell: str, mark: str) -> None:
    done = allclient("completion", shell)
    assert done.code == 0
    assert mark in done.out


def test_completion_completes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from allclient.cli import main; main()"],
        env={
            "_ALLCLIENT_COMPLETE": "bash_complete",
            "COMP_WORDS": "allclient classify --o",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["plain,--output", "plain,--overwrite"]


def test_python_m_allclient() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "allclient", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"allclient {__version__}\n"
