"""Writes type stubs of the real TensorRT bindings, so that mypy can check what calls them.

The package tensorrt_cu13_bindings carries the compiled bindings and neither stubs nor the libraries
that they load. Reading the bindings' own signatures needs no GPU and calls nothing: it is enough
that the loader finds files of the libraries' names with the symbols that are touched on import.
Those are compiled here, empty. Nothing of this is imported by the converter.

    python tests/types/tensorrt_stubs.py build/stubs

Exit codes: 0 written, or nothing to do; 3 the bindings or a C compiler are not here (said why).
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "tensorrt_bindings"
LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
SYMBOL = re.compile(rb"\0((?:create|get|init)[A-Za-z_]*(?:INTERNAL|Version|Registry|Plugins))\0")
CANNOT = 3


def main(target: Path) -> int:
    spec = importlib.util.find_spec(PACKAGE)
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if spec is None or spec.origin is None:
        return _cannot("tensorrt_cu13_bindings is not installed")
    if compiler is None:
        return _cannot("there is no C compiler")
    folder = Path(spec.origin).parent
    version = re.search(r'__version__ = "([0-9.]+)"', Path(spec.origin).read_text("utf-8"))
    if version is None:
        return _cannot(f"{spec.origin} names no version")
    done = target / f"{PACKAGE}-{version[1]}"
    if done.is_file():
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        _empty_libraries(compiler, folder / "tensorrt.so", version[1].split(".")[0], Path(scratch))
        environment = os.environ | {"LD_LIBRARY_PATH": scratch}
        subprocess.run(
            [sys.executable, __file__, str(target), "stubs"], check=True, env=environment
        )
    done.touch()
    return 0


def stubs(target: Path) -> None:
    """In a process whose loader finds the empty libraries."""
    from mypy.stubgenc import generate_stub_for_c_module

    sys.setdlopenflags(os.RTLD_LAZY)  # what is never called needs no address
    name = f"{PACKAGE}.tensorrt"
    generate_stub_for_c_module(name, str(target / PACKAGE / "tensorrt.pyi"), [name])
    _mend(target / PACKAGE / "tensorrt.pyi")
    # The package gives all of its module's names and its version.
    (target / PACKAGE / "__init__.pyi").write_text(
        f"from {PACKAGE}.tensorrt import *\n__version__: str\n", encoding="utf-8"
    )


def _mend(stub: Path) -> None:
    """A few signatures in the bindings' docstrings are no Python; those take anything."""
    lines = stub.read_text("utf-8").splitlines()
    for _ in lines:
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            line = (error.lineno or 1) - 1
            broken = re.match(r"( *def \w+)\(", lines[line])
            if broken is None:
                raise
            lines[line] = f"{broken[1]}(self, *args, **kwargs): ..."
        else:
            break
    # Faults of the stubs themselves are nobody's here; what uses them is checked all the same.
    stub.write_text("# mypy: ignore-errors\n" + "\n".join(lines) + "\n", "utf-8")


def _empty_libraries(compiler: str, bindings: Path, major: str, folder: Path) -> None:
    names = sorted({name.decode() for name in SYMBOL.findall(bindings.read_bytes())})
    source = folder / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in names))
    for library in LIBRARIES:
        out = folder / f"{library}.so.{major}"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", out, source], check=True)


def _cannot(reason: str) -> int:
    print(f"TensorRT's calls are not type-checked here: {reason}", file=sys.stderr)
    return CANNOT


if __name__ == "__main__":
    if sys.argv[2:] == ["stubs"]:
        stubs(Path(sys.argv[1]))
    else:
        sys.exit(main(Path(sys.argv[1])))
