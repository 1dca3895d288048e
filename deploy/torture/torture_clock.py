"""Serves and classifies in a process whose clock others set; prints what was lost, as JSON."""

from __future__ import annotations

import json
import sys

from torture_faults import loaded


def main() -> None:
    """Work through so many images for each of four clients."""
    count = int(sys.argv[1])
    with loaded() as (server, load):
        load.run(server.grpc_address, 4, lambda sent: sent < count)
    print(json.dumps({"tried": load.tried, "lost": load.lost, "errors": load.errors[:5]}))


if __name__ == "__main__":
    main()
