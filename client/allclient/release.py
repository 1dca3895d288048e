"""Names a release: all that decides the answers of a model repository, by a digest over its files.

The name is written as the parameter ``release`` into the configurations of the models that clients
ask, and of ``vote``, which puts it into every answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CONFIG: Final = "config.pbtxt"
STAMPED: Final = ("all_ensemble", "all_cascade", "all_classes", "vote")
"""The models whose configurations carry the name."""

_DIGITS: Final = 12
_LINE: Final = re.compile(
    r'^parameters \{ key: "release" value \{ string_value: "([^"]*)" \} \}\n', re.MULTILINE
)


def digest(repository: Path) -> str:
    """Return the name of what lies in a model repository: 12 digits of a SHA-256.

    It covers the path and the content of every file of every model, less hidden files, caches of
    Python and the name itself. Two repositories that are equal have one name.

    Raises:
        OSError: a file cannot be read.
    """
    total = hashlib.sha256()
    for path in _files(repository):
        content = path.read_bytes()
        if path.name == CONFIG:
            content = _LINE.sub("", content.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        name = path.relative_to(repository).as_posix()
        total.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        total.update(content)
    return total.hexdigest()[:_DIGITS]


def stamped(config: str, name: str) -> str:
    """Return the text of a configuration that carries this name, instead of any before."""
    plain = _LINE.sub("", config)
    end = "" if plain.endswith("\n") else "\n"
    return f'{plain}{end}parameters {{ key: "release" value {{ string_value: "{name}" }} }}\n'


def stamp(repository: Path) -> str:
    """Write the name into the configurations of a repository, and return it."""
    name = digest(repository)
    for model in STAMPED:
        path = repository / model / CONFIG
        if path.is_file():
            path.write_text(stamped(path.read_text("utf-8"), name), "utf-8")
    return name


def stamps(repository: Path) -> dict[str, str]:
    """Return the name that each configuration carries, empty where it carries none."""
    texts = {
        model: (repository / model / CONFIG).read_text("utf-8", "replace")
        for model in STAMPED
        if (repository / model / CONFIG).is_file()
    }
    return {
        model: match[1] if (match := _LINE.search(text)) else "" for model, text in texts.items()
    }


def _files(repository: Path) -> Iterator[Path]:
    """Yield the files of all models in the order of their paths."""
    models = (path for path in repository.iterdir() if (path / CONFIG).is_file())
    for model in sorted(models, key=lambda path: path.name):
        found = (path for path in model.rglob("*") if path.is_file())
        for path in sorted(found, key=lambda path: path.as_posix()):
            parts = path.relative_to(repository).parts
            if not any(part == "__pycache__" or part.startswith(".") for part in parts):
                yield path
