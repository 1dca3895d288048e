"""A whole release for real: images to a repository that the embedded server loads."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from samples import dataset
from training.release.options import RECORDS

ROOT = Path(__file__).resolve().parents[2]


def run(*options: object) -> str:
    """What the command says; it runs in a pipe."""
    words = [sys.executable, "-m", "training", "release", *map(str, options)]
    done = subprocess.run(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.timeout(1800)
def test_images_become_a_repository_that_is_served(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="conversion needs the extra 'convert'")
    data, out = tmp_path / "drawn", tmp_path / "out"
    dataset.write(data, count=48, height=224)
    (data / "benign" / "torn.jpg").write_bytes(b"no image")
    before = sorted(data.rglob("*"))
    options = ("--data", data, "--out", out, "--views", 0, "--proof", 4)

    told = run(*options)

    assert "\r" not in told
    assert "torn.jpg" in told
    assert "left out: 1 of 49 images" in told
    assert sorted(data.rglob("*")) == before
    with (out / "answers.csv").open(newline="") as lines:
        answers = list(csv.DictReader(lines))
    assert len(answers) == 4
    assert {row["label"] for row in answers} <= {"benign", "malignant"}
    assert not any(row["error_code"] for row in answers)
    assert (out / "report" / "report.html").is_file()
    card = (out / "masters" / "MODEL_CARD.md").read_text("utf-8")
    assert "| drawn |" in card
    assert "Kaggle" not in card
    policy = out / "models" / "vote" / "1" / "policy.json"
    assert policy.read_bytes() == (out / "policy.json").read_bytes()

    again = run(*options)
    assert again.count("done before") == len(list((out / RECORDS).iterdir())) == 12

    served = run(*options[:-1], 2)
    assert served.count("done before") == 11
    with (out / "answers.csv").open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 2
