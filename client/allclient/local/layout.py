"""The private folder that Triton runs from: backends, libraries, a link to the models.

    work/
    ├── backends/
    │   ├── python/        libtriton_python.so (copied), the utilities, the stub of this Python
    │   └── openvino/      model.py: the Python-based backend
    ├── lib/               libpython of this Python, where the wheel has none
    ├── models             link to the model repository
    └── server.log

Triton's Python backend pastes paths into a shell command without quotes, so every path it gets
lies in here, under a name that needs none, wherever the repository is.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from allclient.errors import LocalServerError
from allclient.local.binaries import Binaries

OUR_BACKENDS = Path(__file__).with_name("backends")

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie. ``work`` has mode 0700; whoever created it removes it."""

    work: Path
    binaries: Binaries
    repository: Path

    @property
    def backends(self) -> Path:
        return self.work / "backends"

    @property
    def models(self) -> Path:
        return self.work / "models"

    @property
    def log(self) -> Path:
        return self.work / "server.log"

    @property
    def shm_prefix(self) -> str:
        """Of the names in /dev/shm: what a killed server leaves there can be told from others'."""
        return f"{self.work.name}-"

    def create(self) -> None:
        python = self.backends / "python"
        python.mkdir(parents=True)
        # Triton refuses a backend library that is a link out of the backend directory.
        shutil.copyfile(
            self.binaries.python_backend / "libtriton_python.so", python / "libtriton_python.so"
        )
        utilities = "triton_python_backend_utils.py"
        (python / utilities).symlink_to(self.binaries.python_backend / utilities)
        (python / "triton_python_backend_stub").symlink_to(self.binaries.stub)
        for backend in OUR_BACKENDS.iterdir():
            if (backend / "model.py").is_file():
                (self.backends / backend.name).symlink_to(backend)
        libraries = self.work / "lib"
        libraries.mkdir()
        if self.binaries.libpython is not None:
            name = self.binaries.libpython.name
            (libraries / name).symlink_to(self.binaries.libpython)
        self.models.symlink_to(self.repository)

    def environment(self) -> dict[str, str]:
        """The server's environment variables: this Python environment and nothing of another.

        The stub embeds Python, which takes the first ``python3`` in PATH for its own program and
        finds pyvenv.cfg, and so this virtual environment, beside it.
        """
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LD_LIBRARY_PATH", "TRITON", "AIP_", "BASH_ENV"))
        }
        programs = str(Path(sys.executable).parent)
        environment["PATH"] = os.pathsep.join([programs, os.environ.get("PATH") or os.defpath])
        environment["LD_LIBRARY_PATH"] = f"{self.work / 'lib'}:{self.binaries.libraries}"
        # A model repository may be read-only, and is not ours to litter.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["PYTHONUNBUFFERED"] = "1"
        # The wheel has no backend that computes on a GPU; looking for one costs start time.
        environment["CUDA_VISIBLE_DEVICES"] = ""
        return environment

    def readable(self, text: str) -> str:
        """Text of the log with the user's own path of the repository in it."""
        return text.replace(str(self.models), str(self.repository))


def make_work_folder() -> Path:
    """A new folder whose path needs no quotes, on a file system that may hold programs.

    Raises LocalServerError when this machine has no such place.
    """
    tried = []
    for base in dict.fromkeys(
        (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", str(Path.home() / ".cache"))  # noqa: S108
    ):
        if not _NEEDS_NO_QUOTES.fullmatch(base):
            tried.append(f"{base} (its name needs quotes in a shell)")
            continue
        try:
            if os.statvfs(base).f_flag & os.ST_NOEXEC:
                tried.append(f"{base} (mounted noexec)")
                continue
            return Path(tempfile.mkdtemp(prefix="allclient-", dir=base)).resolve()
        except OSError as error:
            tried.append(f"{base} ({error.strerror})")
    raise LocalServerError(
        "no place for the embedded server's temporary folder; tried " + ", ".join(tried)
    )
