"""Imports against pyproject.toml, where a general tool cannot tell (the rest is deptry's)."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULES = {
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "grpcio": "grpc",
    "protobuf": "google",
}
"""The module that a package installs, where it has another name."""

MODELS = sorted((ROOT / "model_repository").glob("*/1/*.py"))
EXTRAS = ("local", "pacs", "dicom", "store", "view", "watch", "web", "bulk")
"""Folders of the client that need an extra: of the same name, ``report`` for ``view``, ``pacs`` for
``dicom``, and ``web`` for ``store``."""

VIEW = sorted((ROOT / "client" / "allclient" / "view").glob("*.py"))

CORE = sorted(
    path
    for path in (ROOT / "client" / "allclient").rglob("*.py")
    if path.relative_to(ROOT / "client" / "allclient").parts[0] not in EXTRAS
)


def declared(requirements: list[str]) -> set[str]:
    names = {re.split(r"[^\w.-]", line)[0] for line in requirements}
    return {MODULES.get(name, name) for name in names} - {"allclient"}


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports, inside functions as well."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: "/".join(path.parts[-3::2]))
def test_served_models_import_what_the_extra_local_brings(path: Path) -> None:
    beside = {file.stem for file in path.parent.glob("*.py")}
    extra = declared(PROJECT["optional-dependencies"]["local"])
    core = declared(PROJECT["dependencies"])
    assert imported(path) <= beside | extra | (core & {"numpy"}) | {"triton_python_backend_utils"}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_only_what_the_core_installs(path: Path) -> None:
    assert imported(path) <= declared(PROJECT["dependencies"]) | {"allclient", "tritonclient"}


@pytest.mark.parametrize("path", VIEW, ids=lambda path: path.stem)
def test_pictures_and_pages_import_what_the_extra_report_brings(path: Path) -> None:
    brought = declared([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["report"]])
    assert imported(path) <= brought | {"allclient"}


def test_there_is_something_to_look_at() -> None:
    assert len(MODELS) > 10
    assert len(CORE) > 30
