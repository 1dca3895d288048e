"""Keeps the memory of tritonserver and its stubs at what they use.

Files of 6 kB to 15 MB in one server leave gaps of every size in the heaps of glibc, and more of
them with every thread: a server that used 10 MB between requests held 500 MB after an hour, and
went on growing. docs/reliability.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VARIABLES: Final = {
    # Two heaps, not eight for every core: each keeps the gaps of its own largest moment.
    "MALLOC_ARENA_MAX": "2",
    # Larger blocks are given back at once. glibc moves this limit up to 32 MB by itself, after
    # which whole files lie in the heaps. Lower, arrays of ordinary fields would be given back as
    # well, and their pages asked for again: preprocess took 1.6 times as long with 128 kB.
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**2),
    # The free end of a heap is given back from here on.
    "MALLOC_TRIM_THRESHOLD_": str(16 * 1024**2),
}
"""Environment variables that glibc reads (mallopt(3)); another C library ignores them."""

OPTIONS: Final = {
    # Triton keeps the last requests of each of its threads whole, 16 in all, for the next to reuse.
    "grpc-infer-allocation-pool-size": 0,
}
"""Options of tritonserver."""


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment; a variable that it has already stays as it is."""
    return {name: value for name, value in VARIABLES.items() if name not in environment}
