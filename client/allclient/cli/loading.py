"""Imports what is slow to import so that Ctrl-C cannot tear it."""

from __future__ import annotations

import importlib
from concurrent.futures import wait

from allclient.threads import DaemonThreads


def load(module: str) -> None:
    """Import a module in another thread; Ctrl-C takes effect when that is done.

    A signal is raised in the main thread. Within numpy's own import, its C code prints that and
    goes on with an ImportError, so the command would end with a traceback and a wrong exit code.
    An interpreter that ends while another thread imports can crash, so the end waits, too.

    Raises:
        ConfigurationError: this machine has no thread left.
    """
    threads = DaemonThreads(1, "allclient-load")
    loaded = threads.submit(importlib.import_module, module)
    threads.close()
    try:
        loaded.result()
    finally:
        wait([loaded])
