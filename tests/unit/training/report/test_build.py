from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.training.report import drawn
from training.cli import main
from training.report import build


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the plots out, where a test is about the files."""
    monkeypatch.setattr(build.page, "render", lambda figures: figures["provenance"]["made"])
    monkeypatch.setattr(build.pictures, "draw", lambda figures, out: [])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_writes_all_and_writes_the_same_again(
    stored: tuple[Path, Path], tmp_path: Path
) -> None:
    drawn.protocol(tmp_path / "from", "known", {"A": (0, 9), "B": (2, 9)}, backbones=("mobilenet",))
    out = tmp_path / "to"
    given = ("--predictions", tmp_path / "from", "--policy", stored[1], "--out", out)
    arguments = [str(each) for each in ("report", *given, "--card", out / "MODEL_CARD.md")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    names = {
        "report.json",
        "report.html",
        "protocols.png",
        "review.png",
        "cells.png",
        "laboratories.png",
        "MODEL_CARD.md",
    }
    first = contents(out)
    assert set(first) == names
    assert all(name in result.output for name in names)
    report = json.loads(first["report.json"])
    assert set(report["ways"]) == {"known"}
    made, earlier = report["provenance"]["made"], "2001-01-01T00:00:00+00:00"
    report["provenance"]["made"] = earlier
    (out / "report.json").write_text(build.as_json(report))
    assert CliRunner().invoke(main, arguments).exit_code == 0
    second = contents(out)
    assert second["report.json"] == build.as_json(report).encode()  # the old stamp is kept
    page = first["report.html"].decode().replace(made, earlier).replace(made[:10], earlier[:10])
    assert second["report.html"].decode() == page
    pictures = [name for name in names if name.endswith(".png")]
    assert [first[name] for name in pictures] == [second[name] for name in pictures]


def test_changed_figures_get_a_new_stamp(
    quick: None, figures: dict[str, Any], tmp_path: Path
) -> None:
    figures["provenance"]["made"] = "old"
    build.write(figures, tmp_path, tmp_path / "card.md")
    figures["provenance"]["made"] = "new"
    build.write(figures, tmp_path, tmp_path / "card.md")
    assert json.loads((tmp_path / "report.json").read_text())["provenance"]["made"] == "old"
    figures["ways"]["known"]["images"] += 1
    build.write(figures, tmp_path, tmp_path / "card.md")
    assert json.loads((tmp_path / "report.json").read_text())["provenance"]["made"] == "new"


def test_a_broken_report_in_the_way_is_replaced(
    quick: None, figures: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_text("{]")
    build.write(figures, tmp_path, tmp_path / "card.md")
    assert json.loads((tmp_path / "report.json").read_text())["version"] == figures["version"]


def test_a_broken_training_record_is_named(
    quick: None, figures: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "xception.json").write_text("{]")
    with pytest.raises(ValueError, match=r"xception\.json is no training record"):
        build.write(figures, tmp_path, tmp_path / "card.md")


def test_json_has_no_word_for_nan_and_short_lines_for_lists() -> None:
    text = build.as_json(build.finite({"a": [1, (2.5, math.nan)], "b": "[ x ]", "c": math.inf}))
    assert json.loads(text) == {"a": [1, [2.5, None]], "b": "[ x ]", "c": None}
    assert "[2.5, null]" in text


def test_no_predictions_is_an_error_with_a_way_out(tmp_path: Path, stored) -> None:
    result = CliRunner().invoke(
        main, ["report", "--predictions", str(tmp_path), "--policy", str(stored[1])]
    )
    assert result.exit_code == 1
    assert "holds no predictions" in result.output
    assert "evaluate" in result.output
