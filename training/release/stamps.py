"""Keeps which steps are done: a file for each, with the digest of its command and its inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from training import record
from training.release.steps import Step


class Stamps:
    """The stamps of one release, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the stamps, which is there or will be made."""
        self.folder = folder

    @staticmethod
    def digest(step: Step) -> str:
        """Return SHA-256 over the command and the content of everything that the step reads."""
        total = hashlib.sha256(json.dumps(step.command).encode())
        for path in step.reads:
            for file in files(path):
                total.update(f"\0{file.as_posix()}\0".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
        return total.hexdigest()

    def done(self, step: Step, digest: str) -> bool:
        """Return whether ``step`` ran to its end when its digest was this one.

        All that it wrote has to be there.
        """
        try:
            stamp = json.loads(self._file(step).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # never finished, or a stamp that was cut
            return False
        written = all(path.exists() for path in step.writes)
        return written and isinstance(stamp, dict) and stamp.get("digest") == digest

    def begin(self, step: Step) -> None:
        """Forget the step and remove what it wrote, so that it can run anew."""
        self._file(step).unlink(missing_ok=True)
        for path in step.writes:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def finish(self, step: Step, digest: str, seconds: float) -> None:
        """Note that the step ran to its end; ``digest`` is the one from before it ran."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {
            "step": step.name,
            "command": ["python", "-m", *step.command],
            "digest": digest,
            "seconds": round(seconds, 1),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        record.write(self._file(step), content)

    def _file(self, step: Step) -> Path:
        return self.folder / f"{step.name}.json"


def files(path: Path) -> list[Path]:
    """Return a file itself, or the files below a folder; Python's caches are left out."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    paths = (each for each in path.rglob("*") if each.is_file())
    return sorted(each for each in paths if "__pycache__" not in each.parts)
