"""Lays out the private folder that Triton runs from.

    work/
    ├── lock
    ├── backends/
    │   ├── python/        libtriton_python.so (a mended copy), the utilities (with bytes_tensor.py
    │   │                  behind them), the stub of this Python
    │   ├── openvino/      model.py, the Python-based backend, and triton_model.py
    │   └── onnxruntime/   the same, where the flavour needs it
    ├── environment/       a virtual environment with the client's packages
    ├── lib/               libpython of this Python, where the wheel has none
    ├── models/            a link to each model that is served; those whose configurations carry the
    │                      name of the release are folders of links, with that beside them
    ├── wheel/             mended copies of tritonserver and its library, a link to all the others
    └── server.log

Triton's Python backend pastes paths into a shell command without quotes, so every path it gets
lies in here, under a name that needs none, wherever the repository is.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from allclient import heap, release
from allclient.errors import LocalServerError
from allclient.local import mend, numpy2, served
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs

_BACKENDS = Path(__file__).with_name("backends")
_SHARED = "triton_model.py"
_BYTES_TENSOR = _BACKENDS / "bytes_tensor.py"
_SERVER = "wheel/pytriton/tritonserver/bin/tritonserver"
_LIBRARIES = "wheel/nvidia_pytriton.libs"
"""The program and its libraries lie as in the wheel: it looks for them from where it
is, first in ../lib, where there is one of ours, and then in these."""

_SPACE = "60 MB"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie."""

    work: Path
    binaries: Binaries
    repository: Path
    needs: Needs
    served: Sequence[str] | None = None
    """The models to serve; None for all of the repository."""
    name: str = ""
    """The name of the release that the repository holds; see ``release.digest``."""

    @property
    def backends(self) -> Path:
        """The folder of Triton's backends."""
        return self.work / "backends"

    @property
    def models(self) -> Path:
        """The folder of the models that are served."""
        return self.work / "models"

    @property
    def log(self) -> Path:
        """The file of Triton's log."""
        return self.work / "server.log"

    @property
    def server(self) -> Path:
        """The program to start: the mended copy, or the wheel's own if that is not known."""
        copy = self.work / _SERVER
        return copy if copy.exists() else self.binaries.server

    def create(self) -> None:
        """Create the folder and all in it.

        Raises:
            LocalServerError: that is not possible, as on a full disk.
        """
        try:
            self._create()
        except OSError as error:
            raise LocalServerError(
                f"cannot make the embedded server's folder {self.work}: {error}; "
                f"set TMPDIR to a folder with {_SPACE} free, where programs may run"
            ) from error

    def _create(self) -> None:
        self._create_server()
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
        self._create_models()

    @property
    def stub(self) -> Path:
        """The stub that runs Python models."""
        return self.backends / "python" / "triton_python_backend_stub"

    def variables(self) -> dict[str, str]:
        """Return the server's environment: nothing of another Python, a GPU only if needed."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LD_LIBRARY_PATH", "TRITON", "AIP_", "BASH_ENV"))
        }
        programs = str(self.work / "environment" / "bin")
        variables["PATH"] = os.pathsep.join([programs, os.environ.get("PATH") or os.defpath])
        libraries = [str(self.work / "lib"), str(self.binaries.libraries)]
        if self.needs.gpu:
            # Containers name the folder of the driver in it.
            libraries.append(os.environ.get("LD_LIBRARY_PATH", ""))
        else:
            variables["CUDA_VISIBLE_DEVICES"] = ""  # looking for one costs start time
        variables["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))
        return variables | heap.variables(variables)

    def readable(self, text: str) -> str:
        """Return text of the log with the user's own path of the repository in it."""
        return text.replace(str(self.models), str(self.repository))

    def _create_server(self) -> None:
        if not mend.knows(self.binaries.server, self.binaries.libraries):
            return
        server = self.work / _SERVER
        library = server.parents[1] / "lib" / mend.LIBRARY_NAME
        (self.work / _LIBRARIES).parent.mkdir(parents=True)
        (self.work / _LIBRARIES).symlink_to(self.binaries.libraries)
        for path, original, program in (
            (server, self.binaries.server, mend.SERVER),
            (library, self.binaries.libraries / library.name, mend.LIBRARY),
        ):
            path.parent.mkdir(parents=True)
            shutil.copyfile(original, path)
            program.change(path)
        server.chmod(0o700)

    def _create_models(self) -> None:
        # Not Triton's own choice of models at the start: that lets clients load more.
        self.models.mkdir()
        for model in sorted(self.repository.iterdir()):
            if self.served is not None and model.name not in self.served:
                continue
            if model.name in release.STAMPED and (model / release.CONFIG).is_file():
                served.write_stamped(self.models, model, self.name)
            elif model.is_dir():
                (self.models / model.name).symlink_to(model)

    def _create_python_backend(self) -> None:
        python = self.backends / "python"
        python.mkdir(parents=True)
        # Triton refuses a backend library that is a link out of the backend directory.
        library = "libtriton_python.so"
        shutil.copyfile(self.binaries.python_backend / library, python / library)
        if mend.BACKEND.is_known(python / library):
            mend.BACKEND.change(python / library)
        self._create_stub()
        utilities = "triton_python_backend_utils.py"
        original = (self.binaries.python_backend / utilities).read_text("utf-8")
        ours = _BYTES_TENSOR.read_text("utf-8")
        (python / utilities).write_text(f"{original}\n\n{ours}", "utf-8")

    def _create_stub(self) -> None:
        if int(importlib.metadata.version("numpy").partition(".")[0]) < 2:
            self.stub.symlink_to(self.binaries.stub)
        else:
            self.stub.write_bytes(numpy2.adapt(self.binaries.stub.read_bytes()))
            self.stub.chmod(0o700)

    def _create_environment(self) -> None:
        """Make a virtual environment of links, for the Python that the stub embeds.

        That Python reads no environment variables but PATH: it takes the first ``python3`` there
        for its own program, and finds pyvenv.cfg beside it. The .pth file gives it the folders
        this process imports NumPy and the like from, wherever they are, and keeps __pycache__ out
        of a model repository, which may be read-only and is not ours to litter.
        """
        environment = self.work / "environment"
        programs = environment / "bin"
        programs.mkdir(parents=True)
        (programs / "python3").symlink_to(sys.executable)
        home = Path(_plain(Path(sys.base_prefix), environment / "base")) / "bin"
        (environment / "pyvenv.cfg").write_text(f"home = {home}\n", encoding="utf-8")
        packages = (
            environment / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        )
        packages.mkdir(parents=True)
        # Not all of sys.path: its `model` or `pixels` would hide the models' own.
        folders = [
            _plain(folder, environment / f"packages-{number}")
            for number, folder in enumerate(self.binaries.packages)
        ]
        settings = "import sys; sys.dont_write_bytecode = True"
        if folders != [str(folder) for folder in self.binaries.packages]:
            settings += "; import os; os.path.realpath = os.path.abspath"  # cv2 asks for its own
        (packages / "client.pth").write_text("\n".join([settings, *folders, ""]), encoding="utf-8")


def _plain(folder: Path, link: Path) -> str:
    """Return a path to a folder in ASCII, by ``link`` where its own has other letters.

    The Python in the stub knows no encoding but ASCII, whatever the locale is.
    """
    if str(folder).isascii():
        return str(folder)
    link.symlink_to(folder)
    return str(link)
