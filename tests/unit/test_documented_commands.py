"""Every command line that README and docs show exists, with the options that it shows."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from samples import __main__ as samples

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"  # it tells of commands that are gone
)
GROUPS = {
    ("allclient",): "allclient.cli.group:cli",
    ("python", "-m", "training"): "training.cli:main",
    ("python", "-m", "convert"): "convert.cli:main",
}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


class Shown(NamedTuple):
    """One command line of a page."""

    page: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {' '.join(self.words)}"


def shown(page: Path) -> Iterator[Shown]:
    """The commands in a page's shell blocks and, between backticks, in its text."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:allclient|python -m (?:training|convert)|make) [^`\n]+)`", text)
    for line in lines:
        for part in re.split(r"\||&&|;|[<>]", re.sub(r"\s+#.*", "", line)):
            words = [word.removeprefix(".venv/bin/") for word in split(part)]
            while words and re.match(r"(\$$|[A-Z_]+=)", words[0]):
                words.pop(0)
            if words:
                yield Shown(page, tuple(words))


def split(text: str) -> list[str]:
    try:
        return shlex.split(text.strip())
    except ValueError:  # half a quoted text: no command
        return []


COMMANDS = [command for page in PAGES for command in shown(page)]


def group_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that start one of GROUPS; none for other programs and for placeholders."""
    if "COMMAND" in words:
        return ()
    return next((prefix for prefix in GROUPS if words[: len(prefix)] == prefix), ())


def resolve(words: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and the words after it."""
    prefix = group_of(words)
    module, _, name = GROUPS[prefix].partition(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    rest = list(words[len(prefix) :])
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, f"there is no command {rest[0]!r}"
        command, rest = found, rest[1:]
    return command, rest


def check_options(command: click.Command, words: list[str]) -> None:
    options = {
        name: option
        for option in command.get_params(click.Context(command))
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if not word.startswith("-") or word == "-":
            continue
        name, _, value = word.partition("=")
        assert name in options, f"{command.name} has no option {name}"
        kind = options[name].type
        if isinstance(kind, click.Choice):
            assert (value or following) in kind.choices


@pytest.mark.parametrize("command", [one for one in COMMANDS if group_of(one.words)], ids=str)
def test_the_command_exists_with_its_options(command: Shown) -> None:
    check_options(*resolve(command.words))


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == "make"], ids=str)
def test_the_make_target_exists(command: Shown) -> None:
    targets = [word for word in command.words[1:] if "=" not in word and not word.startswith("-")]
    assert set(targets) <= TARGETS


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.words[:3] == ("python", "-m", "samples")], ids=str
)
def test_the_command_that_draws_exists_with_its_options(command: Shown) -> None:
    samples.parser().parse_args(command.words[3:])


SCRIPTS = [  # NVIDIA's own, which have no folder here, are not ours to check
    one
    for one in COMMANDS
    if one.words[0].startswith("python") and re.fullmatch(r"\w+/.*\.py", one.words[1])
]


@pytest.mark.parametrize("command", SCRIPTS, ids=str)
def test_the_script_exists_and_knows_its_options(command: Shown) -> None:
    script = ROOT / command.words[1]
    assert script.is_file()
    source = script.read_text("utf-8")
    for word in command.words[2:]:
        if word.startswith("--"):
            assert f'"{word.partition("=")[0]}"' in source


@pytest.mark.parametrize("name", sorted(importlib.import_module("allclient.cli.group").COMMANDS))
def test_every_command_is_shown_somewhere(name: str) -> None:
    assert any(one.words[:2] == ("allclient", name) for one in COMMANDS)


def test_enough_commands_are_found() -> None:
    assert len(COMMANDS) > 40
    assert SCRIPTS
