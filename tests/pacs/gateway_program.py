"""A gateway as a program of its own, to be killed: ``gateway_program.py CONFIG TRITON``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from allclient import Client
from allclient.pacs import config
from allclient.pacs.gateway import Gateway


def main() -> None:
    with Client(sys.argv[2]) as client:
        gateway = Gateway(config.load(Path(sys.argv[1])), client, "0.0.0")
        gateway.start()
        print("ready", flush=True)
        while True:
            time.sleep(1)


if __name__ == "__main__":
    main()
