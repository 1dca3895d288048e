"""Writes and checks ``metadata.json``, the record that lies beside every artifact.

The record says what the artifact is and what it was made of. An artifact is used only if its record
holds: its files have the hashes they were written with, and its master is the one that is there.
Otherwise the error names the file, what was found, what was expected and the command that mends it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

RECORD: Final = "metadata.json"


class ArtifactError(ValueError):
    """An artifact is missing, broken, of another kind or of another master."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    numbers = {}
    for package in packages:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers


def write(
    folder: Path, kind: str, files: list[str], master: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Write the record of ``files`` (names below ``folder``; a folder stands for all in it).

    Args:
        kind: the command that makes it, for example "onnx".
        master: ``convert.master.record`` of what it was made of.
        more: whatever else a reader should know.
    """
    hashes = {
        str(path.relative_to(folder)): sha256(path)
        for name in files
        for path in _files(folder / name)
    }
    record = {
        "artifact": kind,
        "master": master,
        **more,
        "files": hashes,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(record, indent=2) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")
    return record


def check(folder: Path, kind: str, master: Path, command: str) -> dict[str, Any]:
    """Return the record of the artifact in ``folder`` after checking everything that it says.

    Args:
        command: makes the artifact anew; stands in every error.

    Raises:
        ArtifactError: something is missing, or not as the record says.
    """
    mend = f"make it anew: {command}"
    record = read(folder, mend)
    if record.get("artifact") != kind:
        raise ArtifactError(
            f"{folder / RECORD} is of the kind {record.get('artifact')!r}, expected {kind!r}; "
            f"{mend}"
        )
    for name, expected in record.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing, though {RECORD} names it; {mend}")
        if (actual := sha256(path)) != expected:
            raise ArtifactError(
                f"{path} has sha256 {actual[:12]}, but {RECORD} says {expected[:12]}: it was "
                f"changed or cut after it was made; {mend}"
            )
    if not master.is_file():
        raise ArtifactError(
            f"{master} is missing, so nobody can tell whether {folder} was made of it; "
            "git checkout restores the released masters"
        )
    made_of, present = str(record.get("master", {}).get("sha256", "")), sha256(master)
    if made_of != present:
        raise ArtifactError(
            f"{folder} was made of a master with sha256 {made_of[:12] or 'unknown'}, expected "
            f"{present[:12]}, that of {master}; {mend}"
        )
    return record


def size(folder: Path) -> float:
    """Return the size of all files in a folder, in megabytes."""
    return sum(path.stat().st_size for path in _files(folder)) / 1e6


def read(folder: Path, mend: str) -> dict[str, Any]:
    """Return the record of an artifact without checking it.

    Raises:
        ArtifactError: there is no record.
    """
    path = folder / RECORD
    if not path.is_file():
        raise ArtifactError(f"{path} is missing: nothing says what {folder} holds; {mend}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path} is no JSON ({error}); {mend}") from error
    if not isinstance(record, dict) or not record.get("files"):
        raise ArtifactError(f"{path} names no files of an artifact; {mend}")
    return record


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file())
    return [path]
