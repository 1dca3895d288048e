"""The private folder that Triton runs from.

    work/
    ├── lock
    ├── backends/
    │   ├── python/        libtriton_python.so (copied), the utilities, the stub of this Python
    │   ├── openvino/      model.py, the Python-based backend, and triton_network.py
    │   └── onnxruntime/   the same, where the flavour needs it
    ├── environment/       a virtual environment with the client's packages
    ├── lib/               libpython of this Python, where the wheel has none
    ├── models             link to the model repository
    └── server.log

Triton's Python backend pastes paths into a shell command without quotes, so every path it gets
lies in here, under a name that needs none, wherever the repository is.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from allclient import heap
from allclient.local import numpy2
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs

_BACKENDS = Path(__file__).with_name("backends")
_SHARED = "triton_network.py"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie."""

    work: Path
    binaries: Binaries
    repository: Path
    needs: Needs

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
        self._create_python_backend()
        for model in sorted(_BACKENDS.glob("*/model.py")):
            backend = self.backends / model.parent.name
            if backend.name in self.needs.backends:
                backend.mkdir()
                for file in (model, _BACKENDS / _SHARED):
                    (backend / file.name).symlink_to(file)
        self._create_environment()
        libraries = self.work / "lib"
        libraries.mkdir()
        if self.binaries.libpython is not None:
            name = self.binaries.libpython.name
            (libraries / name).symlink_to(self.binaries.libpython)
        self.models.symlink_to(self.repository)

    @property
    def stub(self) -> Path:
        return self.backends / "python" / "triton_python_backend_stub"

    def variables(self) -> dict[str, str]:
        """The server's environment variables: nothing of another Python, a GPU only if needed."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LD_LIBRARY_PATH", "TRITON", "AIP_", "BASH_ENV"))
        }
        programs = str(self.work / "environment" / "bin")
        variables["PATH"] = os.pathsep.join([programs, os.environ.get("PATH") or os.defpath])
        variables["LD_LIBRARY_PATH"] = f"{self.work / 'lib'}:{self.binaries.libraries}"
        if not self.needs.gpu:
            variables["CUDA_VISIBLE_DEVICES"] = ""  # looking for one costs start time
        return variables | heap.variables(variables)

    def readable(self, text: str) -> str:
        """Text of the log with the user's own path of the repository in it."""
        return text.replace(str(self.models), str(self.repository))

    def _create_python_backend(self) -> None:
        python = self.backends / "python"
        python.mkdir(parents=True)
        # Triton refuses a backend library that is a link out of the backend directory.
        library = "libtriton_python.so"
        shutil.copyfile(self.binaries.python_backend / library, python / library)
        self._create_stub()
        utilities = "triton_python_backend_utils.py"
        (python / utilities).symlink_to(self.binaries.python_backend / utilities)

    def _create_stub(self) -> None:
        if int(importlib.metadata.version("numpy").partition(".")[0]) < 2:
            self.stub.symlink_to(self.binaries.stub)
        else:
            self.stub.write_bytes(numpy2.adapt(self.binaries.stub.read_bytes()))
            self.stub.chmod(0o700)

    def _create_environment(self) -> None:
        """A virtual environment of links, for the Python that the stub embeds.

        That Python reads no environment variables but PATH: it takes the first ``python3`` there
        for its own program, and finds pyvenv.cfg beside it. The .pth file gives it the folders
        this process imports NumPy and the like from, wherever they are, and keeps __pycache__ out
        of a model repository, which may be read-only and is not ours to litter.
        """
        environment = self.work / "environment"
        programs = environment / "bin"
        programs.mkdir(parents=True)
        (programs / "python3").symlink_to(sys.executable)
        (environment / "pyvenv.cfg").write_text(
            f"home = {Path(sys.base_prefix) / 'bin'}\n", encoding="utf-8"
        )
        packages = (
            environment / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        )
        packages.mkdir(parents=True)
        # Not all of sys.path: its `model` or `pixels` would hide the models' own.
        folders = [str(folder) for folder in self.binaries.packages]
        (packages / "client.pth").write_text(
            "\n".join(["import sys; sys.dont_write_bytecode = True", *folders, ""]),
            encoding="utf-8",
        )
