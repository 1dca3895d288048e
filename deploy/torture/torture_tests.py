"""Faults that tests of the project have already: run at length, and counted in the same way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Final

from torture_faults import ROOT, Length
from torture_report import Found

_COUNTS: Final = re.compile(r"(\d+) (passed|failed|error|skipped)")


def leaving(length: Length) -> Found:
    """Clients that are killed, cancel and give up while others work."""
    return _tests(
        "tests/serving/test_torture.py", environment={"ALLCLIENT_TORTURE": str(length.rounds)}
    )


def files(length: Length) -> Found:
    """Mutated files of every format."""
    program = [sys.executable, "tests/fuzz/mutate.py", "--count", str(length.files)]
    done = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(done.stdout)
    bad = {kind: report[kind] for kind in ("deaths", "hangs", "unplanned") if report[kind]}
    memory = list(report["memory_mb"].values())
    found = Found(report["files"], sum(map(len, bad.values())), memory_mb=(memory[0], memory[-1]))
    found.notes += [f"{kind}: {what}" for kind, what in bad.items()]
    found.faults.update(report["outcomes"])
    return found


def disk(_: Length) -> Found:
    """A full disk under the command, the inbox of the gateway, and the server's own folder."""
    return _tests(
        "tests/unit/cli/test_extras.py::test_a_full_disk_keeps_what_was_finished",
        "tests/unit/cli/test_extras.py::test_a_full_disk_at_the_end",
        "tests/unit/cli/test_streams.py",
        "tests/unit/local/test_layout.py",
        "tests/pacs/test_full_disk.py",
    )


def archive(_: Length) -> Found:
    """The archive goes away, and the gateway is killed, under load."""
    return _tests("tests/pacs/test_kill.py", "tests/pacs/test_orthanc.py", match="killed or away")


def releases(_: Length) -> Found:
    """The release of a server is changed and rolled back under load."""
    return _tests("tests/serving/test_models.py")


def _tests(*paths: str, match: str = "", environment: dict[str, str] | None = None) -> Found:
    """Run tests; each is an input, and one that fails is lost."""
    program = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *paths]
    program += ["-k", match] if match else []
    done = subprocess.run(
        program,
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    counts = {what: int(count) for count, what in _COUNTS.findall(last)}
    bad = counts.get("failed", 0) + counts.get("error", 0)
    found = Found(counts.get("passed", 0) + bad, bad)
    found.faults["tests"] = found.tried
    if bad or done.returncode not in (0, 5):
        found.lost = max(bad, 1)
        found.notes.append(done.stdout[-4000:])
    if not found.tried and not found.lost:
        found.skipped = f"skipped here: {last}"
    return found
