"""Tells what machine and what software a measurement comes from."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = ("openvino", "nvidia-pytriton", "numpy", "pillow", "tritonclient", "keras")
ROOT = Path(__file__).parents[2]


def facts() -> dict[str, object]:
    """Return the machine and the versions of the software as plain values."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [name for name in ("avx2", "avx512_vnni", "amx_int8") if name in _flags()],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: number for name in PACKAGES if (number := _version(name))},
        "git_commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _cpu() -> str:
    return _cpuinfo("model name") or platform.processor()


def _flags() -> list[str]:
    return _cpuinfo("flags").split()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
