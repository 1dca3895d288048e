"""The limits of glibc's heaps, for programs that are started and for this one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from allclient import heap

BLOCK_AFTER_A_LARGER_ONE = """
import ctypes, sys
from allclient import heap

class Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                     "uordblks", "fordblks", "keepcost")
    ]

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
library.mallinfo2.restype = Mallinfo2
if sys.argv[1] == "limited":
    heap.limit()
library.free(library.malloc(ctypes.c_size_t(20_000_000)))
before = library.mallinfo2().hblks
library.malloc(ctypes.c_size_t(15_000_000))
print(library.mallinfo2().hblks - before)
"""


def test_variables_that_are_set_stay() -> None:
    assert heap.variables({}) == {
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": "4194304",
        "MALLOC_TRIM_THRESHOLD_": "16777216",
    }
    assert "MALLOC_ARENA_MAX" not in heap.variables({"MALLOC_ARENA_MAX": "8"})


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
@pytest.mark.parametrize(
    ("how", "variables", "apart"),
    [
        ("unlimited", {}, 0),
        ("unlimited", heap.variables({}), 1),
        ("limited", {}, 1),
        ("limited", {"MALLOC_MMAP_THRESHOLD_": "33000000"}, 0),
    ],
)
def test_a_block_of_15_mb_lies_apart_even_after_a_larger_one(
    how: str, variables: dict[str, str], apart: int
) -> None:
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    printed = subprocess.run(
        [sys.executable, "-c", BLOCK_AFTER_A_LARGER_ONE, how],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert int(printed) == apart
