"""The wheel's programs are known to the byte, mended in copies, and others are left as they are."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from allclient.local import binaries, layout, mend
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs
from allclient.local.layout import Layout
from allclient.local.mend import BACKEND, SERVER, Program


@pytest.fixture(scope="module")
def wheel() -> Binaries:
    return binaries.find()


@pytest.fixture(params=[SERVER, BACKEND], ids=["tritonserver", "libtriton_python"])
def program(request: pytest.FixtureRequest) -> Program:
    return request.param


@pytest.fixture
def original(wheel: Binaries, program: Program) -> Path:
    return wheel.server if program is SERVER else wheel.python_backend / "libtriton_python.so"


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(original, tmp_path / "copy"))


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def test_a_change_keeps_its_length_and_none_touches_another(program: Program) -> None:
    end = 0
    for change in sorted(program.changes):
        assert len(change.before) == len(change.after)
        assert change.before != change.after
        assert change.place >= end
        end = change.place + len(change.before)


def test_the_wheels_program_is_changed_in_those_places_alone(
    program: Program, original: Path, copy: Path
) -> None:
    before = original.read_bytes()
    assert program.is_known(copy)
    program.mend(copy)
    expected = bytearray(before)
    for change in program.changes:
        end = change.place + len(change.before)
        assert expected[change.place : end] == change.before
        expected[change.place : end] = change.after
    assert copy.read_bytes() == expected
    assert original.read_bytes() == before
    assert not program.is_known(copy), "what is mended is not mended again"


def test_a_program_with_one_other_byte_is_not_known(program: Program, copy: Path) -> None:
    expected = [(program.build_at, program.build)]
    expected += [(change.place, change.before) for change in program.changes]
    for place, data in expected:
        overwrite(copy, place, bytes([data[0] ^ 1]))
        assert not program.is_known(copy), hex(place)
        overwrite(copy, place, data[:1])
    assert program.is_known(copy)


def test_other_programs_run_as_they_are_and_that_is_said(wheel: Binaries, tmp_path: Path) -> None:
    server, backend = tmp_path / "tritonserver", tmp_path / "python"
    backend.mkdir()
    server.write_bytes(b"another program")
    (backend / "libtriton_python.so").write_bytes(b"another library")
    (backend / "triton_python_backend_utils.py").touch()
    assert mend.weakness(wheel.server) is None
    said = mend.weakness(server)
    assert said is not None
    assert str(server) in said
    assert "nvidia-pytriton 0.7.0" in said
    found = Binaries(server, backend, wheel.stub, wheel.libraries, wheel.libpython, wheel.packages)
    other = Layout(tmp_path / "work", found, tmp_path, Needs(frozenset(), gpu=False))
    other.create()
    assert other.server == server
    assert server.read_bytes() == b"another program"
    copy = other.backends / "python" / "libtriton_python.so"
    assert copy.read_bytes() == b"another library"


@pytest.fixture
def laid_out(wheel: Binaries, tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "work", wheel, tmp_path, Needs(frozenset(), gpu=False))
    made.create()
    return made


def test_what_is_started_is_mended_and_lies_in_the_private_folder(
    wheel: Binaries, laid_out: Layout
) -> None:
    library = laid_out.backends / "python" / "libtriton_python.so"
    for path, program in ((laid_out.server, SERVER), (library, BACKEND)):
        assert path.is_relative_to(laid_out.work)
        content = path.read_bytes()
        for change in program.changes:
            assert content[change.place :].startswith(change.after)
    assert laid_out.server.stat().st_mode & 0o777 == 0o700
    # Where its RPATH says: $ORIGIN/../../../nvidia_pytriton.libs, and nowhere outside the folder.
    libraries = laid_out.server.parents[3] / "nvidia_pytriton.libs"
    assert libraries.is_relative_to(laid_out.work)
    assert libraries.resolve() == wheel.libraries.resolve()


def texts(*items: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (texts(b"one", b"", b"\0two\xff"), [b"one", b"", b"\0two\xff"]),
        (texts(b"one") + b"\x05\0\0\0four", [b"one", b""]),
        (b"\xff\xff\xff\xff", [b""]),
        (texts(b"one") + b"\0\0", [b"one"]),
        (b"", []),
    ],
)
def test_texts_that_are_longer_than_their_tensor_are_empty(
    laid_out: Layout, tensor: bytes, expected: list[bytes]
) -> None:
    """In the file that the stub imports, as it calls it: with an array of bytes."""
    utilities = laid_out.backends / "python" / "triton_python_backend_utils.py"
    members: dict[str, object] = {}
    exec(compile(utilities.read_text("utf-8"), utilities, "exec"), members)  # as import does
    read = members["deserialize_bytes_tensor"]
    assert callable(read)
    for given in (tensor, np.frombuffer(tensor, np.uint8)):
        found = read(given)
        assert found.dtype == np.object_
        assert found.tolist() == expected
    assert "def get_input_tensor_by_name" in utilities.read_text("utf-8")
    assert Path(layout.__file__).with_name("backends").joinpath("bytes_tensor.py").is_file()
