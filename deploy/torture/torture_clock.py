"""Classifies in a process whose clock others set; prints what was lost, as JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from torture_load import Load

from samples import render


def _sleep(seconds: Any) -> None:
    """Sleep; that of libfaketime 0.9.10 fails at a clock that it is told to leave alone."""
    threading.Event().wait(float(seconds))


def main() -> None:
    """Have four clients classify so many images each: torture_clock.py ADDRESS COUNT."""
    time.sleep = _sleep
    address, count = sys.argv[1], int(sys.argv[2])
    load = Load(address, render.encoded(count=6, seed=3))
    load.run([address] * 4, lambda sent: sent < count)
    print(json.dumps({"lost": load.lost, "errors": load.errors[:5]}))


if __name__ == "__main__":
    main()
