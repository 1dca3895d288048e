"""Checks the shared memory through which Triton and its Python stubs pass images."""

from __future__ import annotations

import os

from allclient.errors import ServerNotInstalledError

_FOLDER = "/dev/shm"  # noqa: S108  where POSIX shared memory is on Linux

_NEEDED = 32 * 1024**2
"""Below, a single large image or a burst of small ones can crash tritonserver."""

_MIN_FREE_BYTES = 256 * 1024**2
"""Holds the largest batches of every step at once."""

_WAY_OUT = "in Docker, --shm-size=1g gives more"


def check() -> None:
    """Check that there is enough to start at all.

    Raises:
        ServerNotInstalledError: there is too little.
    """
    if (free := _free()) < _NEEDED:
        raise ServerNotInstalledError(
            f"the embedded server needs {_NEEDED // 1024**2} MB of shared memory, and {_FOLDER} "
            f"has {free / 1024**2:.0f} MB free; {_WAY_OUT}"
        )


def shortage() -> str | None:
    """Return a sentence if large images or batches may fail for want of shared memory."""
    if (free := _free()) < _MIN_FREE_BYTES:
        return (
            f"{_FOLDER} has {free / 1024**2:.0f} MB free: large images, or many at once, may be "
            f"refused; {_WAY_OUT}"
        )
    return None


def _free() -> int:
    state = os.statvfs(_FOLDER)
    return state.f_bavail * state.f_frsize
