"""Finds tritonserver and what it needs to run Python models in this very environment."""

from __future__ import annotations

import importlib.util
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from allclient.errors import ServerNotInstalledError

TRITON_WHEEL = "nvidia-pytriton==0.7.0"
PYTHONS = ((3, 11), (3, 12), (3, 13))
"""The Python versions that both allclient and the stubs of the wheel support."""

_WAY_OUT = (
    "Use a server that runs elsewhere (`allclient classify --server HOST:PORT`, or set "
    "ALLCLIENT_SERVER), or run the Triton container (see deploy/)."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """What the wheel and the Python installation bring."""

    server: Path
    """bin/tritonserver"""
    python_backend: Path
    """The folder with libtriton_python.so and triton_python_backend_utils.py."""
    stub: Path
    """The program that runs a Python model; linked against one version of libpython."""
    libraries: Path
    """The shared libraries of the wheel."""
    libpython: Path | None
    """None where the wheel brings libpython itself, as it does for Python 3.13."""
    packages: tuple[Path, ...]
    """The folders from which this Python imports what models need."""


def find(
    backends: Iterable[str] = ("openvino",),
    *,
    system: str | None = None,
    package: Path | None = None,
    library_folders: Iterable[Path] | None = None,
) -> Binaries:
    """Look in this environment for the server and what ``backends`` import.

    The named arguments replace what Python says about the environment.

    Raises ServerNotInstalledError with the reason and the way out.
    """
    _check_platform(system or platform.system())
    package = package or _package_folder()
    triton = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    libraries = package.parent / "nvidia_pytriton.libs"
    binaries = Binaries(
        server=triton / "bin" / "tritonserver",
        python_backend=triton / "backends" / "python",
        stub=stub,
        libraries=libraries,
        libpython=None,
        packages=(),
    )
    for path in (binaries.server, binaries.python_backend / "libtriton_python.so", stub, libraries):
        if not path.exists():
            raise ServerNotInstalledError(
                f"the installed nvidia-pytriton lacks {path}; install the version that allclient "
                f"knows: {_pip()} --force-reinstall --no-deps {TRITON_WHEEL}"
            )
    binaries = replace(binaries, packages=_package_folders(backends))
    names = _libpython_names(stub)
    if any((libraries / name).exists() for name in names):
        return binaries
    name = f"libpython{version}.so.1.0"
    folders = _library_folders() if library_folders is None else library_folders
    for folder in folders:
        if (folder / name).exists():
            return replace(binaries, libpython=(folder / name).resolve())
    raise ServerNotInstalledError(
        f"the embedded server needs the shared library {name}, and {sys.base_prefix} has none. "
        f"On Debian and Ubuntu it is in the package libpython{version}, on Fedora in python3-libs; "
        "a Python built by hand or by pyenv needs --enable-shared (PYTHON_CONFIGURE_OPTS="
        f"--enable-shared pyenv install {version}); those of conda and uv bring it. {_WAY_OUT}"
    )


def check(stub: Path, variables: dict[str, str]) -> None:
    """Run the stub without arguments, as Triton does, to see that all its libraries are found.

    Triton itself, when this fails, changes the mode of the installed file and goes on.
    """
    probe = subprocess.run(
        [str(stub)],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if probe.returncode != 1:
        raise ServerNotInstalledError(
            f"the embedded server's {stub.name} does not start here: "
            f"{probe.stdout.strip() or f'it ended with status {probe.returncode}'}. {_WAY_OUT}"
        )


def _check_platform(system: str) -> None:
    if system != "Linux":
        name = {"Darwin": "macOS"}.get(system, system)
        raise ServerNotInstalledError(
            f"there is no embedded server for {name}: NVIDIA builds tritonserver for Linux only. "
            f"{_WAY_OUT}"
        )
    version = sys.version_info[:2]
    if version not in PYTHONS or sys.implementation.name != "cpython":
        raise ServerNotInstalledError(
            "the embedded server runs with CPython 3.11, 3.12 or 3.13, and this is "
            f"{sys.implementation.name} {version[0]}.{version[1]}. Make the environment with one "
            f"of them. {_WAY_OUT}"
        )
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ServerNotInstalledError(
            "the embedded server does not run with a free-threaded Python; use the usual build. "
            f"{_WAY_OUT}"
        )


def _package_folder() -> Path:
    # find_spec does not import: pytriton's own Python code, and what it needs, stay out.
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        if platform.machine() != "x86_64":
            raise ServerNotInstalledError(
                "there is no embedded server for this machine: the wheel that carries "
                f"tritonserver is built for x86_64, and this is {platform.machine()}. {_WAY_OUT}"
            )
        # It pins numpy<2, which Python 3.13 does not have: --no-deps. See numpy2.py.
        besides = f", then {_pip()} --no-deps {TRITON_WHEEL}" if sys.version_info >= (3, 13) else ""
        raise ServerNotInstalledError(
            "the embedded server is not installed: no nvidia-pytriton here. Install it with "
            f"{_pip()} 'allclient[local]'{besides} (it needs Linux on x86_64 with glibc 2.35 or "
            f"newer: Debian 12, Ubuntu 22.04, Fedora 36). Or: {_WAY_OUT}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _package_folders(backends: Iterable[str]) -> tuple[Path, ...]:
    folders = []
    # The backends that come as Python packages are called as those are.
    for module in ("numpy", "PIL", *sorted({"openvino", "onnxruntime"}.intersection(backends))):
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            package = {"PIL": "pillow"}.get(module, module)
            extra = "gpu" if module == "onnxruntime" else "local"
            raise ServerNotInstalledError(
                f"the embedded server's models need the Python package {package}: "
                f"{_pip()} 'allclient[{extra}]'"
            )
        folders.append(Path(next(iter(spec.submodule_search_locations))).parent)
    # The first folder of this Python's path that has a package is the first of the models' as well.
    rank = {Path(folder): place for place, folder in reversed([*enumerate(sys.path)])}
    return tuple(sorted(dict.fromkeys(folders), key=lambda folder: rank.get(folder, len(rank))))


def _pip() -> str:
    return "python -m pip install"


def _libpython_names(stub: Path) -> set[str]:
    """Return the names of libpython in a stub.

    One that the wheel brings has been given a name of its own beside the usual one.
    """
    return {
        name.decode("ascii")
        for name in re.findall(rb"libpython3[\w.-]*\.so[.\d]*", stub.read_bytes())
    }


def _library_folders() -> list[Path]:
    folders = [sysconfig.get_config_var("LIBDIR")]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if folders[0] and multiarch:
        folders.append(str(Path(folders[0]) / multiarch))
    # A Python that was moved after it was built (uv, conda) has the build's LIBDIR.
    folders += [f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"]
    return [Path(folder) for folder in folders if folder]
