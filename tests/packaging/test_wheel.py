"""The wheel: it carries the models, and answers wherever it is installed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from allclient.local.binaries import PYTHONS, TRITON_WHEEL
from samples import render

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "model_repository"


def run(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that has to succeed."""
    # Nothing of the checkout or of this environment may help.
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "ALLCLIENT"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def build(what: str, out: Path, source: Path = ROOT) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", what, "--outdir", out, source, cwd=out)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build("--wheel", out)
    return next(out.glob("*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_carries_the_model_repository(wheel: Path) -> None:
    packed = contents(wheel)
    served = {
        f"allclient/model_repository/{path.relative_to(MODELS)}": path.read_bytes()
        for path in MODELS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    carried = {
        name: data for name, data in packed.items() if name.startswith("allclient/model_repository")
    }
    assert len(served) > 30
    assert carried == served


def test_the_wheel_carries_what_the_page_shows_with_and_its_licence(wheel: Path) -> None:
    """Whoever installs it needs no Node."""
    packed = contents(wheel)
    viewer = "allclient/web/node_modules/openseadragon"
    assert b"OpenSeadragon" in packed[f"{viewer}/build/openseadragon/openseadragon.min.js"]
    assert b"Redistribution and use" in packed[f"{viewer}/LICENSE.txt"]
    assert sorted(name for name in packed if "node_modules" in name) == [
        f"{viewer}/LICENSE.txt",
        f"{viewer}/build/openseadragon/openseadragon.min.js",
    ]


def test_the_wheel_carries_the_fields_of_the_demo_case(wheel: Path) -> None:
    drawn = ROOT / "client" / "allclient" / "web" / "drawn"
    carried = {name: data for name, data in contents(wheel).items() if "web/drawn/" in name}
    assert len(carried) == 6
    assert carried == {f"allclient/web/drawn/{p.name}": p.read_bytes() for p in drawn.iterdir()}


def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build("--sdist", tmp_path)
    shutil.unpack_archive(next(tmp_path.glob("*.tar.gz")), tmp_path)
    source = next(path for path in tmp_path.iterdir() if path.is_dir())
    out = tmp_path / "out"
    out.mkdir()
    build("--wheel", out, source)
    assert contents(next(out.glob("*.whl"))) == contents(wheel)


def interpreters() -> list[str]:
    """The lowest and the highest Python of this machine that allclient supports."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = []
    for version in PYTHONS:
        name = "python{}.{}".format(*version)
        # pyenv's command of that name may say that no such version is chosen; the version is there.
        candidates = [shutil.which(name), *sorted(pyenv.glob(f"*/bin/{name}"))]
        found += [str(path) for path in candidates if path and works(path)][:1]
    return sorted({found[0], found[-1]}) if found else [sys.executable]


def works(python: str | Path) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the embedded server is built for Linux on x86-64 alone",
)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_an_installed_wheel_classifies_anywhere(wheel: Path, python: str, tmp_path: Path) -> None:
    # A name as home folders have it: not ASCII, and with a space.
    place = tmp_path / "Müller venv"
    run(python, "-m", "venv", "--without-pip", place, cwd=tmp_path)
    program = place / "bin/python"
    # By the pip of this environment, and compiled when it is imported: that is quicker.
    pip: tuple[str | Path, ...] = (sys.executable, "-m", "pip", "--python", program)
    pip += ("--disable-pip-version-check", "install", "--quiet", "--no-compile")
    run(*pip, f"{wheel}[local]", cwd=tmp_path)
    if python.endswith("python3.13"):  # where the wheel's own pin of NumPy cannot be met
        run(*pip, "--no-deps", TRITON_WHEEL, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    image = elsewhere / "drawn.png"
    image.write_bytes(render.encoded(count=1, format="PNG")[0])
    answer = run(
        place / "bin/allclient", "classify", image.name, "--format", "jsonl", cwd=elsewhere
    )
    record = json.loads(answer)
    assert record["file"] == image.name
    assert record["error"] is None
    assert record["label"] in ("benign", "malignant")
