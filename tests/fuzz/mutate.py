"""Mutated files of every format through the decoders or through a real server.

    python tests/fuzz/mutate.py --count 10000                       # an embedded server
    python tests/fuzz/mutate.py --count 10000 --server HOST:PORT    # one that runs already
    python tests/fuzz/mutate.py --count 10000 --in-process          # the decoders alone, quicker

A file is made from its number alone: ``--first N --count 1 --write FILE`` writes number N to look
at. Ends with 1 where a process died, a file took longer than ``--limit`` seconds, or an answer was
neither a picture nor a refusal with a code.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "client")]

from tests.fuzz import inside, mutants


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--server", help="HOST:PORT of a server; without it one is started")
    parser.add_argument("--in-process", action="store_true", help="no server")
    parser.add_argument("--workers", type=int, default=4, help="files in flight at a server")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds for one file")
    parser.add_argument("--write", type=Path, help="write the first file here, and end")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    if options.write:
        one = mutants.mutant(options.first)
        options.write.write_bytes(one.data)
        print(f"{one.seed}: {', '.join(one.done)}")
        return 0
    report = inside.run(numbers, options.limit) if options.in_process else _serve(numbers, options)
    print(json.dumps(report, indent=2))
    return int(bool(report["deaths"] or report["hangs"] or report.get("unplanned")))


def _serve(numbers: range, options: argparse.Namespace) -> dict[str, Any]:
    from tests.fuzz import outside

    mutants.seeds()
    if options.server:
        return outside.run(options.server, numbers, options.workers, options.limit, None)
    from allclient.local import LocalServer

    with LocalServer(ROOT / "model_repository") as server:
        found = outside.run(
            server.grpc_address, numbers, options.workers, options.limit, server.pid
        )
        if server.exit_status() is not None:
            found["deaths"].append("the server")
        return found


if __name__ == "__main__":
    sys.exit(main())
