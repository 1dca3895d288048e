"""A folder that never answers, as that of a network server which is gone: half of a FUSE.

Only root can make one. Whoever touches it waits in the kernel, where no Python handler of a signal
runs; a thread of its own can be left behind there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_FORCE, _DETACH = 1, 2


@contextlib.contextmanager
def dead_mount(folder: Path) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("this user cannot make a file system that does not answer")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"dead", os.fsencode(folder), b"fuse", 0, options) != 0:
        os.close(device)
        pytest.skip("this user cannot mount a file system that does not answer")
    try:
        yield
    finally:
        libc.umount2(os.fsencode(folder), _FORCE | _DETACH)
        os.close(device)
