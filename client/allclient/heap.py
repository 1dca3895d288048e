"""Keeps the memory of a process that handles large files at what it uses.

Left to itself, glibc raises the size from which a block is given back at once to 32 MB, and makes
up to eight heaps a core. Files of 6 kB to 15 MB then leave gaps of every size in every heap, and
more of them with every hour: a tritonserver that used 3 MB between requests held 500 MB, and
``allclient classify`` 2 GB. docs/reliability.md has the figures.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping
from typing import Final

_LIMITS: Final = {
    # Each heap keeps the gaps of its own largest moment.
    "MALLOC_ARENA_MAX": (-8, 2),
    # The arrays of ordinary fields are smaller than 4 MB and cost nothing more; with 128 kB they
    # were given back as well, and preprocess took 1.6 times as long. Files of 5 to 15 MB take 1.1
    # times as long. With 8 MB they do not, but tritonserver grows; with 16 MB all hold more.
    "MALLOC_MMAP_THRESHOLD_": (-3, 4 * 1024**2),
    # From so many free bytes on, the end of a heap is given back.
    "MALLOC_TRIM_THRESHOLD_": (-1, 16 * 1024**2),
}
"""Environment variable of glibc: the number of the same parameter for mallopt(3), and the value."""


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to the environment of a program that is started.

    What the environment has already stays as it is.

    Other C libraries than glibc ignore it.
    """
    return {name: str(value) for name, (_, value) in _LIMITS.items() if name not in environment}


def limit() -> None:
    """Set the same for this process, except for what its environment sets already.

    A library does not decide this for the program that uses it: only our own programs call it, and
    before they start threads. It does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    for name, (parameter, value) in _LIMITS.items():
        if name not in os.environ:
            library.mallopt(parameter, value)
