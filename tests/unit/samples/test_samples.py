"""Drawn images are the same every time, say that they are drawn, and look like what they claim."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samples import field, render
from samples.stains import STAINS

ROOT = Path(__file__).parents[3]


def test_same_seed_same_bytes() -> None:
    first = render.encoded(count=3, seed=5, height=96)
    assert first == render.encoded(count=3, seed=5, height=96)
    assert first != render.encoded(count=3, seed=6, height=96)
    assert len(set(first)) == 3


def test_a_picture_does_not_depend_on_how_many_are_drawn() -> None:
    assert render.encoded(count=4, height=96)[:2] == render.encoded(count=2, height=96)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WebP"])
def test_every_file_says_that_it_is_drawn(format: str) -> None:
    (data,) = render.encoded(count=1, format=format, height=96)
    image = Image.open(io.BytesIO(data))
    assert image.format == format.upper()
    assert image.size == (128, 96)
    text = image.info.get("Description") or image.getexif().get(270)
    assert text == "drawn by a program, not a patient"


def test_a_folder(tmp_path: Path) -> None:
    paths = render.folder(tmp_path / "out", count=12, height=96)
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in paths[:3]] == [".jpg", ".png", ".jpg"]
    names = "".join(path.name for path in paths)
    for word in (*field.KINDS, *STAINS):
        assert word in names


def test_one_stain_only(tmp_path: Path) -> None:
    for path in render.folder(tmp_path, count=4, height=96, stain="pink"):
        assert path.stem.endswith("-pink")


def test_awkward_files(tmp_path: Path) -> None:
    paths = render.folder(tmp_path, count=0, awkward=True)
    contents = {path.name: path.read_bytes() for path in paths}
    assert set(contents) == {"truncated.jpg", "text.png", "zero-bytes.jpg", "30000x30000.png"}
    assert contents["zero-bytes.jpg"] == b""
    assert contents["text.png"].isascii()
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(contents["truncated.jpg"])).load()


def test_the_huge_png_is_valid_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(render.solid_png(30_000)) < 500_000
    image = Image.open(io.BytesIO(render.solid_png(1_000)))
    assert image.size == (1000, 1000)
    assert image.convert("L").getextrema() == (255, 255)


@pytest.mark.parametrize("stain", STAINS)
def test_kinds_differ_by_what_they_hold(stain: str) -> None:
    """Nuclei are the darkest in green: most of that with blasts, none with red cells alone."""

    def dark(kind: str) -> float:
        shares = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            image = field.draw(rng, kind=kind, stain=stain, height=180, width=240)
            green = np.asarray(image)[..., 1]
            shares.append(float((green < 0.45 * np.percentile(green, 95)).mean()))
        return float(np.mean(shares))

    assert dark("red-cells") < 0.01 < dark("hematogones") < dark("blasts") < 0.5


def test_fields_are_bright_with_soft_edges() -> None:
    for one in render.images(count=8, height=180):
        samples = np.asarray(one.image).astype(float)
        assert 150 < samples.mean() < 250
        assert np.percentile(samples[..., 1], 90) > 200
        assert np.abs(np.diff(samples, axis=1)).mean() < 12


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "samples", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_command(tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    done = run("render", "--out", str(out), "--count", "2", "--side", "64", "--awkward")
    assert done.returncode == 0, done.stderr
    assert "6 files" in done.stdout
    assert "drawn by a program, not a patient" in done.stdout
    assert len(list(out.iterdir())) == 6


@pytest.mark.parametrize("wrong", [["--side", "3"], ["--count", "-1"], ["--stain", "green"]])
def test_command_refuses_nonsense(tmp_path: Path, wrong: list[str]) -> None:
    done = run("render", "--out", str(tmp_path), *wrong)
    assert done.returncode == 2
    assert wrong[0] in done.stderr
