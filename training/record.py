"""Records provenance: what a file was made from, when, by which commit, with which packages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import run
from typing import Any

PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


def stamped(**content: Any) -> dict[str, Any]:
    """Return ``content`` with the time, the commit and the versions it was made with."""
    return {
        **content,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": _commit(),
        "versions": {name: number for name in PACKAGES if (number := _version(name))},
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as indented JSON, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _commit() -> str:
    folder = Path(__file__).resolve().parent
    done = run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
