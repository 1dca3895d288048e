"""What docs/security.md says, held against the files that it speaks of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

requirements = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
USUAL = re.compile(r">=[\d.]+,<\d+")


def ranges() -> dict[str, str]:
    """Every range of pyproject.toml that needs a reason, by package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
    ]
    found: dict[str, str] = {}
    for line in lines:
        one = requirements.Requirement(line)
        written = re.search(r"(?:[<>=!~]=?\s*[\w.!*]+,?)+", line.partition(";")[0])
        if one.name != "allclient":
            assert written is not None, f"{one.name} has no range"
            assert found.setdefault(one.name, written[0]) == written[0], one.name
    assert len(found) > 60
    return {name: text for name, text in found.items() if not USUAL.fullmatch(text)}


def test_every_unusual_range_has_a_reason_and_no_reason_is_left_over() -> None:
    table = PAGE[PAGE.index("## Ranges of versions") : PAGE.index("Outside of Python")]
    told = dict(re.findall(r"^\| ([\w-]+) \| `([^`]+)` \| .+ \|$", table, re.MULTILINE))
    assert told == ranges()


def test_what_is_named_as_a_test_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert len(named) > 20
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_threat_says_what_from_whom_and_how_it_is_tested() -> None:
    table = PAGE[PAGE.index("| what |") : PAGE.index("## What does not stand")]
    rows = [line.split(" | ") for line in table.strip().splitlines()[2:]]
    assert len(rows) > 10
    for row in rows:
        assert len(row) == 4, row
        assert "`tests/" in row[3], row
