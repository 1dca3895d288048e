"""Does to a real server what goes wrong in the world, and counts what is lost.

    python deploy/torture                        # all, long: hours
    python deploy/torture --short                # all, short: minutes
    python deploy/torture --only kills network   # some of them

Ends with 1 where anything was lost. --out writes the table, as docs/reliability.md has it;
--memory writes the memory of each process under full load, from minute to minute, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "client"), str(ROOT / "deploy/perf")]

import torture_faults as own  # noqa: E402  found by the path above
import torture_tests as tests  # noqa: E402
from torture_database import database  # noqa: E402
from torture_report import HEAD, LINE, Found  # noqa: E402

FAULTS: dict[str, Callable[[own.Length], Found]] = {
    "kills": own.kills,
    "network": own.network,
    "leaving": tests.leaving,
    "clients": own.clients,
    "files": tests.files,
    "disk": tests.disk,
    "clock": own.clock,
    "releases": tests.releases,
    "archive": tests.archive,
    "database": database,
    "load": own.full_load,
}


def main() -> int:
    """Try the faults in turn; print a row of the table for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="minutes instead of hours")
    parser.add_argument("--only", nargs="*", default=[], choices=list(FAULTS))
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--memory", type=Path, help="write the memory under full load to this file")
    options = parser.parse_args()
    length = own.SHORT if options.short else own.LONG
    rows, ok = [HEAD, LINE], True
    print("\n".join(rows), flush=True)
    for name in options.only or FAULTS:
        begun = time.monotonic()
        found = FAULTS[name](length)
        rows.append(found.row(name, time.monotonic() - begun))
        print(rows[-1], flush=True)
        for note in found.notes[:5]:
            print(f"  {note}", file=sys.stderr)
        if found.curve and options.memory:
            lines = ",\n".join(map(json.dumps, found.curve))
            options.memory.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        ok = ok and found.ok
    if options.out:
        options.out.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
