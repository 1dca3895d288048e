from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from training.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_split_goes_by_groups_where_nobody_knows_the_patients(smears: Path) -> None:
    result = run("split", "--data", smears)
    assert result.exit_code == 0, result.output
    assert "split by group" in result.output
    table = pd.read_csv(smears / "split.csv", dtype=str)
    assert set(table["level"]) == {"group"}
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert table["group"].nunique() == 8
    again = run("split", "--data", smears)
    assert again.exit_code == 1
    assert "is there already" in again.output


def test_a_patient_level_is_refused_without_ids(smears: Path) -> None:
    result = run("split", "--data", smears, "--level", "patient")
    assert result.exit_code == 1
    assert "a patient-level split cannot be claimed without patient ids" in result.output
    assert not (smears / "split.csv").exists()


def test_split_goes_by_the_patients_of_a_table(smears: Path, tmp_path: Path) -> None:
    paths = sorted(path.relative_to(smears).as_posix() for path in smears.rglob("*.jpg"))
    table = tmp_path / "who.csv"
    # 0-a and 0-b share cells, but are said to be of two patients.
    who = {path: "x" if "0-b" in path else f"p{Path(path).stem[0]}" for path in paths}
    pd.DataFrame({"path": who.keys(), "subject": who.values()}).to_csv(table, index=False)
    result = run("split", "--data", smears, "--patients", table, "--column", "subject")
    assert result.exit_code == 0, result.output
    assert "split by patient" in result.output
    assert "same cells, two patients: benign/0-a.jpg (p0) and benign/0-b.jpg (x)" in result.output
    written = pd.read_csv(smears / "split.csv", dtype=str)
    assert set(written["level"]) == {"patient"}
    assert (written.groupby("patient")["split"].nunique() == 1).all()


def test_a_table_that_misses_images_writes_nothing(smears: Path, tmp_path: Path) -> None:
    table = tmp_path / "who.csv"
    table.write_text("path,patient\nbenign/0-a.jpg,p0\n")
    result = run("split", "--data", smears, "--patients", table)
    assert result.exit_code == 1
    assert "names no patient for benign/0-b.jpg" in result.output
    assert not (smears / "split.csv").exists()


def test_cnmc_is_split_by_its_patients(cnmc: Path) -> None:
    result = run("split", "--data", cnmc)
    assert result.exit_code == 0, result.output
    written = pd.read_csv(cnmc / "split.csv", dtype=str)
    assert set(written["level"]) == {"patient"}
    assert set(written["class"]) == {"all", "hem"}
    assert (written.groupby("patient")["split"].nunique() == 1).all()


def test_files_that_cannot_be_read_are_named_and_left_out(smears: Path) -> None:
    (smears / "pro_b" / "7-a.jpg").write_bytes(b"no image")
    (smears / "late").mkdir()
    (smears / "late" / "x.jpg").touch()
    result = run("split", "--data", smears)
    assert result.exit_code == 0, result.output
    assert "7-a.jpg: " in result.output
    assert "passed over: 1 images in late" in result.output
    assert len(pd.read_csv(smears / "split.csv")) == 10


@pytest.mark.parametrize("command", ["split", "data"])
def test_an_empty_folder_is_told_the_layouts(tmp_path: Path, command: str) -> None:
    result = run(command, "--data", tmp_path)
    assert result.exit_code == 1
    assert "C-NMC 2019" in result.output


def test_data_tells_what_a_set_holds_and_leaks(smears: Path, tmp_path: Path) -> None:
    out = tmp_path / "data.json"
    result = run("data", "--data", smears, "--output", out)
    assert result.exit_code == 0, result.output
    for told in ("benign 6", "1 pairs", "8 groups", "no split can be patient-level", "leaks"):
        assert told in result.output
    assert json.loads(out.read_text())["pairs"]["overlapping"] == 1


def test_data_says_when_there_is_one_class(folders: Path) -> None:
    for name in ("Early", "Pre", "Pro"):
        for path in (folders / name).iterdir():
            path.unlink()
    assert "one class only" in run("data", "--data", folders).output
    split = run("split", "--data", folders)
    assert split.exit_code == 1
    assert "one class only (benign)" in split.output
