"""Keeps releases side by side in a folder, and says which of them is to be served.

releases/
├── active.json       which one is active, and which was before
├── 3f2a9c1d44ab/     a model repository under the name of its content
└── c61293e0bae4/
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from allclient import release
from allclient.contract import BACKBONES, MODELS
from allclient.errors import ConfigurationError
from allclient.local import golden, repository, served

ACTIVE: Final = "active.json"
_PARITY: Final = "metadata.json"
"""What the conversion says of a backbone."""

_RECORD: Final = "repository.json"
"""What ``python -m convert repository`` says of a repository that it wrote."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a folder."""

    name: str
    path: Path
    added: datetime
    active: bool
    previous: bool


class State(NamedTuple):
    """The names of the active release and of the one that was before; empty where none is."""

    active: str
    previous: str


class Releases:
    """The releases in a folder, which need not be there before the first is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Release]:
        """Return the releases, the one that was added last first."""
        active, previous = self.state
        found = [
            Release(
                path.name,
                path,
                datetime.fromtimestamp(path.stat().st_mtime, UTC),
                path.name == active,
                path.name == previous,
            )
            for path in self._folders()
        ]
        return sorted(found, key=lambda one: one.added, reverse=True)

    def active(self) -> Path:
        """Return the repository that is to be served.

        Raises:
            ConfigurationError: none is active, or it is not there.
        """
        name = self.state.active
        if not name:
            raise ConfigurationError(
                f"no release in {self.folder} is active; allclient models activate makes one so"
            )
        return self._path(name)

    def add(self, source: Path) -> tuple[str, int]:
        """Check a model repository and copy it into the folder.

        Returns:
            Its name, and how many golden answers it gave.

        Raises:
            ConfigurationError, LocalServerError: it is no release, or does not pass.
        """
        found = repository.find(source)
        _check_complete(found)
        name = repository.name(found)
        if (self.folder / name).exists():
            raise ConfigurationError(f"{self.folder} has release {name} already")
        self.folder.mkdir(parents=True, exist_ok=True)
        # Checked is what will be served: the copy, which nobody changes any more.
        stage = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.folder))
        try:
            copy = stage / name
            shutil.copytree(found, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            if repository.name(copy) != name:
                raise ConfigurationError(f"{found} changed while it was copied")
            count = golden.check(copy)
            copy.rename(self.folder / name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return name, count

    def activate(self, start: str) -> str:
        """Make the release whose name begins so the active one; return its whole name.

        Raises:
            ConfigurationError: there is none, or it was changed since it was added.
        """
        there = [path.name for path in self._folders()]
        names = [name for name in there if start and name.startswith(start)]
        if len(names) != 1:
            count = f"{len(names)} releases" if names else "no release"
            raise ConfigurationError(
                f"{self.folder} has {count} with a name that begins with {start!r}; it has "
                f"{', '.join(sorted(there)) or 'none'}"
            )
        (name,) = names
        if (now := repository.name(self._path(name))) != name:
            raise ConfigurationError(
                f"{self.folder / name} was changed after it was added: it is {now} now"
            )
        active, _ = self.state
        if name != active:
            self.restore(State(name, active))
        return name

    def rollback(self) -> str:
        """Make the release active that was so before; return its name.

        Raises:
            ConfigurationError: there was none.
        """
        previous = self.state.previous
        if not previous:
            raise ConfigurationError(f"no other release in {self.folder} was active before")
        return self.activate(previous)

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        folders = (path for path in self.folder.iterdir() if not path.name.startswith("."))
        return [path for path in folders if served.present(path)]

    def _path(self, name: str) -> Path:
        if name not in [path.name for path in self._folders()]:
            raise ConfigurationError(f"{self.folder} has no release {name}")
        return self.folder / name

    @property
    def state(self) -> State:
        """What is active and what was before.

        Raises:
            ConfigurationError: that cannot be read.
        """
        path = self.folder / ACTIVE
        try:
            state = json.loads(path.read_text("utf-8"))
            return State(str(state["active"]), str(state["previous"]))
        except FileNotFoundError:
            return State("", "")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error!r}") from error

    def restore(self, state: State) -> None:
        """Have an earlier state again."""
        handle, name = tempfile.mkstemp(prefix=".active-", dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(self.folder / ACTIVE)


def _check_complete(path: Path) -> None:
    """Check what can be seen without serving it.

    Raises:
        ConfigurationError: a model or its name is missing or wrong, or writing it never ended.
    """
    if missing := sorted(set(MODELS) - set(served.present(path))):
        raise ConfigurationError(f"{path} has no {', '.join(missing)}: it is no whole release")
    name = repository.name(path)
    for model, stamped in release.stamps(path).items():
        if stamped not in ("", name):
            raise ConfigurationError(
                f"{path} was changed after it was written: {model} is named {stamped}, and the "
                f"files are {name}"
            )
    record = path / _RECORD
    if record.is_file() and not json.loads(record.read_text("utf-8")).get("complete"):
        raise ConfigurationError(f"{path} was not written to its end ({record})")
    for backbone in BACKBONES:
        _check_parity(path / backbone.value / "1")


def _check_parity(folder: Path) -> None:
    """Check that a backbone is what was compared with its master, and passed.

    Raises:
        ConfigurationError: it is not, or nobody knows.
    """
    path = folder / _PARITY
    try:
        record = json.loads(path.read_text("utf-8"))
        files = dict(record["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"nothing says that {folder} answers as its master: {path.name} cannot be read "
            f"({error!r})"
        ) from error
    if record.get("for_serving") is False:
        raise ConfigurationError(f"{folder} is not for serving; {path.name} says why")
    for name, digest in files.items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise ConfigurationError(
                f"{file} is not the file that was compared with its master ({path.name})"
            )
