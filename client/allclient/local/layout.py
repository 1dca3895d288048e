"""The private folder that Triton runs from: backends, libraries, a link to the models.

    work/
    ├── lock
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
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from allclient.local.binaries import Binaries

OUR_BACKENDS = Path(__file__).with_name("backends")

_UTILITIES = "triton_python_backend_utils.py"
_UTILITIES_TEXT = """\
# Written by allclient. The stub imports this file first. It lets the models see the packages that
# the client sees, wherever they were installed, and keeps a model repository free of __pycache__:
# the stub's own Python runs isolated and reads no environment variables.
import sys

sys.dont_write_bytecode = True
sys.path += [folder for folder in {folders!r} if folder not in sys.path]
__file__ = {original!r}
with open(__file__, encoding="utf-8") as _original:
    exec(compile(_original.read(), __file__, "exec"))
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie."""

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

    def create(self) -> None:
        python = self.backends / "python"
        python.mkdir(parents=True)
        # Triton refuses a backend library that is a link out of the backend directory.
        shutil.copyfile(
            self.binaries.python_backend / "libtriton_python.so", python / "libtriton_python.so"
        )
        (python / _UTILITIES).write_text(
            _UTILITIES_TEXT.format(
                folders=[folder for folder in sys.path if Path(folder).is_absolute()],
                original=str(self.binaries.python_backend / _UTILITIES),
            ),
            encoding="utf-8",
        )
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
        # The wheel has no backend that computes on a GPU; looking for one costs start time.
        environment["CUDA_VISIBLE_DEVICES"] = ""
        return environment

    def readable(self, text: str) -> str:
        """Text of the log with the user's own path of the repository in it."""
        return text.replace(str(self.models), str(self.repository))
