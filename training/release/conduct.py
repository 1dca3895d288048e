"""Runs the steps of a release that are not done, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from toolkit.served import MODEL_REPOSITORY
from training.release.options import PHASES, RECORDS, Options, ReleaseError
from training.release.stamps import Stamps
from training.release.steps import Step, steps

ROOT: Final = MODEL_REPOSITORY.parent
SCARCE: Final = 100_000_000
"""Bytes; with less than that free, a failed step is put down to a full disk."""

Say = Callable[[str], None]
Start = Callable[[Step], int]


def release(
    options: Options, say: Say, *, redo: str | None = None, start: Start | None = None
) -> None:
    """Run what is not done yet.

    Args:
        redo: a phase from which everything runs again.
        start: runs a step and returns its exit code; the default is ``started``.

    Raises:
        ReleaseError: a step failed, or the release cannot be made as asked for.
        OSError: the folder cannot be written.
    """
    options.check()
    stamps = Stamps(options.out / RECORDS)
    stamps.folder.mkdir(parents=True, exist_ok=True)
    with _ended_by_sigterm():
        for step in steps(options):
            place = PHASES.index(step.phase)
            title = f"[{place + 1}/{len(PHASES)}] {step.name}"
            anew = redo is not None and place >= PHASES.index(redo)
            digest = stamps.digest(step)
            if not anew and stamps.done(step, digest):
                say(f"{title}: done before")
                continue
            stamps.begin(step)
            say(f"{title}: {step.does}")
            say(f"  python -m {shown(step)}")
            began = time.monotonic()
            if code := (start or started)(step):
                raise ReleaseError(_failed(step, code, options.out))
            stamps.finish(step, digest, time.monotonic() - began)


def started(step: Step) -> int:
    """Run the command of a step with this terminal or pipe as its output; return its exit code.

    It finds the same packages as this process, whatever the current folder is.
    """
    before = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(ROOT), *([before] if before else [])])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-m", *step.command], env=environment, check=False
    ).returncode


def shown(step: Step) -> str:
    """Return the command for the screen, without most of the test images."""
    words = step.command
    if step.phase == "serve":
        words = (*words[:3], "...", *words[words.index("--model-repository") :])
    return " ".join(words)


def _failed(step: Step, code: int, out: Path) -> str:
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    free = shutil.disk_usage(out).free
    full = f" The disk of {out} is full ({free // 1_000_000} MB are free)." if free < SCARCE else ""
    return (
        f"the step {step.name} did not finish ({ended}); what went wrong stands above.{full} "
        "The same command goes on from this step"
    )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the running step too; without this it would run on alone."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
