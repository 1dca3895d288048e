"""What is said where the embedded server cannot run, without running it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from allclient.errors import ServerNotInstalledError
from allclient.local import binaries, numpy2

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LIBPYTHON = f"libpython{VERSION}.so.1.0"
WAY_OUT = r"--server HOST:PORT.*ALLCLIENT_SERVER.*container"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The files of the wheel, as far as they are looked at; its stub needs a shared libpython."""
    package = tmp_path / "site-packages" / "pytriton"
    triton = package / "tritonserver"
    for name, content in {
        "bin/tritonserver": b"",
        "backends/python/libtriton_python.so": b"",
        f"python_backend_stubs/{VERSION}/triton_python_backend_stub": b"\0%b\0"
        % LIBPYTHON.encode(),
    }.items():
        (triton / name).parent.mkdir(parents=True, exist_ok=True)
        (triton / name).write_bytes(content)
    (package.parent / "nvidia_pytriton.libs").mkdir()
    return package


@pytest.fixture
def library_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / LIBPYTHON).touch()
    return folder


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str, *arguments: Any) -> ModuleSpec | None:
        return None if name == missing else find_spec(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_other_systems(system: str, name: str) -> None:
    with pytest.raises(ServerNotInstalledError, match=f"for {name}: .*Linux only.*{WAY_OUT}"):
        binaries.find(system=system)


def test_serve_on_another_system_gives_the_message_and_not_a_traceback() -> None:
    pretend = (
        "import sys, platform; sys.modules['fcntl'] = None; platform.system = lambda: 'Windows';"
        "from allclient.cli import main; main(['serve'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", pretend], capture_output=True, text=True, check=False
    )
    assert run.returncode == 3
    assert "there is no embedded server for Windows" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_other_pythons(version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries.sys, "version_info", version)
    with pytest.raises(ServerNotInstalledError, match=rf"3\.11, 3\.12 or 3\.13.*{WAY_OUT}"):
        binaries.find(system="Linux")


def test_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pytriton")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "aarch64")
    with pytest.raises(ServerNotInstalledError, match=f"x86_64.*aarch64.*{WAY_OUT}"):
        binaries.find(system="Linux")


@pytest.mark.parametrize(
    ("version", "besides"),
    [
        ((3, 12), " "),
        ((3, 13), r", then python -m pip install --no-deps nvidia-pytriton==0\.7\.0 "),
    ],
)
def test_no_wheel(version: tuple[int, int], besides: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pytriton")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(binaries.sys, "version_info", version)
    command = rf"python -m pip install 'allclient\[local\]'{besides}\("
    with pytest.raises(ServerNotInstalledError, match=f"{command}.*glibc.*{WAY_OUT}"):
        binaries.find(system="Linux")


@pytest.mark.parametrize(
    ("module", "package_name"), [("openvino", "openvino"), ("PIL", "pillow"), ("numpy", "numpy")]
)
def test_no_package(
    module: str,
    package_name: str,
    package: Path,
    library_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, module)
    with pytest.raises(
        ServerNotInstalledError, match=rf"package {package_name}: .*'allclient\[local\]'"
    ):
        binaries.find(system="Linux", package=package, library_folders=[library_folder])


def test_packages_come_from_where_this_python_takes_them(
    package: Path, library_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that hides an older copy of a package hides it from the server's models too."""
    first, last = tmp_path / "first", tmp_path / "last"
    for folder, modules in ((first, ["onnxruntime"]), (last, ["numpy", "PIL", "onnxruntime"])):
        for module in modules:
            (folder / module).mkdir(parents=True)
            (folder / module / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(first), str(last)])
    for module in ("numpy", "PIL", "onnxruntime"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    found = binaries.find(
        ["onnxruntime"], system="Linux", package=package, library_folders=[library_folder]
    )
    assert found.packages == (first, last)


def test_another_wheel(package: Path) -> None:
    (package / "tritonserver" / "bin" / "tritonserver").unlink()
    with pytest.raises(ServerNotInstalledError, match=r"lacks .*/bin/tritonserver.*==0\.7\.0"):
        binaries.find(system="Linux", package=package)


def test_no_libpython(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerNotInstalledError) as caught:
        binaries.find(system="Linux", package=package, library_folders=[tmp_path])
    message = str(caught.value)
    for word in (LIBPYTHON, f"libpython{VERSION}", "python3-libs", "--enable-shared", "--server"):
        assert word in message


def test_libpython_where_python_says(package: Path, library_folder: Path) -> None:
    found = binaries.find(system="Linux", package=package, library_folders=[library_folder])
    assert found.libpython == library_folder / LIBPYTHON
    assert found.stub.is_file()
    assert found.libraries == package.parent / "nvidia_pytriton.libs"


def test_libpython_that_the_wheel_brings(package: Path) -> None:
    libraries = package.parent / "nvidia_pytriton.libs"
    bundled = f"libpython3-0123abcd.{VERSION[2:]}.so.1.0"
    (libraries / bundled).touch()
    stub = package / "tritonserver/python_backend_stubs" / VERSION / "triton_python_backend_stub"
    stub.write_bytes(b"\0%b\0%b\0" % (LIBPYTHON.encode(), bundled.encode()))
    found = binaries.find(system="Linux", package=package, library_folders=[])
    assert found.libpython is None


def test_a_stub_that_does_not_start(tmp_path: Path) -> None:
    stub = tmp_path / "triton_python_backend_stub"
    stub.write_text("#!/bin/sh\necho 'cannot open shared object file' >&2; exit 127\n")
    stub.chmod(0o755)
    with pytest.raises(ServerNotInstalledError, match=r"cannot open shared object file.*--server"):
        binaries.check(stub, {})


def test_every_stub_of_the_wheel_is_one_that_numpy2_knows() -> None:
    stubs = binaries.find().stub.parents[1]
    for version in ("3.11", "3.12", "3.13"):
        before = (stubs / version / "triton_python_backend_stub").read_bytes()
        after = numpy2.adapt(before)
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        assert len(changed) == 5
        assert {(before[i], after[i]) for i in changed} == {(32, 40)}


def test_an_unknown_stub_is_left_alone() -> None:
    with pytest.raises(ServerNotInstalledError, match=r"NumPy 1 alone.*==0\.7\.0"):
        numpy2.adapt(b"another program")
