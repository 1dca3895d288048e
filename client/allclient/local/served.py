"""Writes the folders that Triton loads models from: links to a repository, and our configurations.

A server can hold two releases. Those models that clients ask keep their names (``PUBLIC``); all
others have them by a pattern, ``PLAIN`` or ``SECOND``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from allclient import release
from allclient.contract import CASCADE, CLASSES, ENSEMBLE
from allclient.transport.modelconfig import renamed

PUBLIC: Final = (ENSEMBLE, CASCADE, CLASSES)
"""In the order in which a new release takes them over."""

PLAIN: Final = "{}"
SECOND: Final = "{}_b"


def present(repository: Path) -> list[str]:
    """Return the names of all models in a repository."""
    configs = repository.glob(f"*/{release.CONFIG}")
    return sorted(path.parent.name for path in configs if not path.parent.name.startswith("."))


def write_stamped(models: Path, model: Path, name: str) -> None:
    """Write a model whose configuration carries the name of its release."""
    _write(models, model, model.name, lambda text: release.stamped(text, name))


def write_renamed(models: Path, model: Path, new: str, members: str, name: str) -> None:
    """Write a model under a new name, which asks others by the pattern ``members``.

    Raises:
        ConfigurationError: its configuration cannot be read.
    """
    stamp = model.name in release.STAMPED

    def change(text: str) -> str:
        return renamed(release.stamped(text, name) if stamp else text, new, members)

    _write(models, model, new, change)


def remove(models: Path, name: str) -> None:
    """Remove a model's folder, if there is one."""
    path = models / name
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _write(models: Path, source: Path, name: str, change: Callable[[str], str]) -> None:
    new = models / f".{name}"
    remove(models, new.name)
    new.mkdir()
    for path in source.iterdir():
        if path.name == release.CONFIG:
            _copy(path, new / path.name, change)
        elif path.name == "configs":
            (new / path.name).mkdir()
            for config in path.glob("*.pbtxt"):
                _copy(config, new / path.name / config.name, change)
        else:
            (new / path.name).symlink_to(path)
    remove(models, name)
    new.rename(models / name)


def _copy(source: Path, target: Path, change: Callable[[str], str]) -> None:
    target.write_text(change(source.read_text("utf-8")), "utf-8")
