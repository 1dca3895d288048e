"""``split --out``: a data set of links, and what is refused before training."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from training.cli import main
from training.data import enough, samples
from training.data.sample import DatasetError, Sample

ROOT = Path(__file__).parents[4]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["split", *map(str, arguments)])


def test_the_folder_of_the_images_stays_as_it_is(smears: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = sorted(smears.rglob("*"))
    result = run("--data", smears, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(smears.rglob("*")) == before
    found = samples.every(out)
    assert len(found) == 11
    assert all(each.path.read_bytes() for each in found)
    assert "is there already" in run("--data", smears, "--out", out).output


def test_a_split_of_the_data_is_followed_without_what_cannot_be_read(
    smears: Path, tmp_path: Path
) -> None:
    assert run("--data", smears).exit_code == 0
    own = pd.read_csv(smears / "split.csv", dtype=str).set_index("path")
    (smears / "pro_b" / "7-a.jpg").write_bytes(b"no image")
    result = run("--data", smears, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "left out, cannot be read: " in result.output
    assert "7-a.jpg" in result.output
    assert "left out: 1 of 11 images" in result.output
    taken = pd.read_csv(tmp_path / "out" / "split.csv", dtype=str).set_index("path")
    assert set(own.index) - set(taken.index) == {"pro_b/7-a.jpg"}
    assert taken["split"].equals(own["split"][taken.index])
    assert taken["guard"].equals(own["guard"][taken.index])


def test_options_that_a_split_of_the_data_decides_are_refused(smears: Path, tmp_path: Path) -> None:
    assert run("--data", smears).exit_code == 0
    result = run("--data", smears, "--out", tmp_path / "out", "--level", "group")
    assert result.exit_code == 1
    assert "decides the parts already" in result.output


def test_too_few_images_are_told_by_class_and_nothing_is_written(
    smears: Path, tmp_path: Path
) -> None:
    result = run("--data", smears, "--out", tmp_path / "out", "--min-images", 7)
    assert result.exit_code == 1
    assert "benign 6, early_pre_b 0, pre_b 0, pro_b 5; each" in result.output
    assert not (tmp_path / "out").exists()


def test_images_that_cannot_be_read_do_not_count(folders: Path, tmp_path: Path) -> None:
    (folders / "Pro" / "Pro-0.jpg").write_bytes(b"no image")
    result = run("--data", folders, "--out", tmp_path.parent / "out", "--min-images", 6)
    assert result.exit_code == 1
    assert "too few images that can be read: pro_b 5;" in result.output


def test_one_class_only_and_malignant_images_of_unknown_stage() -> None:
    from allclient.contract import Subtype

    benign = [Sample(Path(f"{n}.jpg"), Subtype.BENIGN) for n in range(9)]
    with pytest.raises(DatasetError, match=r"one class only \(benign\)"):
        enough.check(benign, 3)
    with pytest.raises(DatasetError, match="1 malignant images have no stage"):
        enough.check([*benign, Sample(Path("x.jpg"), None)], 3)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_progress_is_drawn_on_a_terminal_alone(
    smears: Path, tmp_path: Path, terminal: bool
) -> None:
    words = [sys.executable, "-m", "training", "split", "--data", str(smears), "--out"]
    words.append(str(tmp_path / "out"))
    if terminal:
        reader, writer = pty.openpty()
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=writer, env={**os.environ, "TERM": "vt100"}
        )
        os.close(writer)
        shown = b""
        try:
            while part := os.read(reader, 4096):
                shown += part
        except OSError:  # how Linux tells that the other side is closed
            pass
        os.close(reader)
        assert process.wait() == 0
        assert b"100%" in shown
    else:
        shown = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        assert b"\r" not in shown
        assert shown.count(b"compare") == 1
