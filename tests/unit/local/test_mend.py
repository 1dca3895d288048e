"""The wheel's programs are known to the byte, mended in copies, and others are left as they are."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from allclient.contract import MAX_MESSAGE_BYTES
from allclient.local import binaries, layout, mend
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs
from allclient.local.layout import Layout
from allclient.local.mend import BACKEND, LIBRARY, LIBRARY_NAME, SERVER
from allclient.local.program import Program

BACKEND_NAME = "libtriton_python.so"


@pytest.fixture(scope="module")
def wheel() -> Binaries:
    return binaries.find()


@pytest.fixture(params=[SERVER, LIBRARY, BACKEND], ids=["tritonserver", "library", "backend"])
def program(request: pytest.FixtureRequest) -> Program:
    program: Program = request.param
    return program


@pytest.fixture
def original(wheel: Binaries, program: Program) -> Path:
    if program is SERVER:
        return wheel.server
    if program is LIBRARY:
        return wheel.libraries / LIBRARY_NAME
    return wheel.python_backend / BACKEND_NAME


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
    program.change(copy)
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


@pytest.mark.skipif(shutil.which("as") is None, reason="needs GNU binutils (as and ld)")
def test_the_changes_are_the_ones_that_stand_in_assembly_language(tmp_path: Path) -> None:
    source = Path(__file__).with_name("mended.s")
    sections = re.findall(r"^\.section (\w+\.(\w+)),", source.read_text("utf-8"), re.MULTILINE)
    assembled, linked = tmp_path / "mended.o", tmp_path / "mended.bin"
    places = [f"--section-start={name}=0x{place}" for name, place in sections]
    subprocess.run(["as", "--64", "-o", assembled, source], check=True)
    link = ["ld", "--oformat=binary", "--entry=0", "-o", str(linked), str(assembled)]
    subprocess.run([*link, *places], check=True)
    content = linked.read_bytes()
    first = min(int(place, 16) for _, place in sections)
    changes = [*SERVER.changes, *LIBRARY.changes, *BACKEND.changes]
    for change in changes:
        start = change.place - first
        assert content[start : start + len(change.after)] == change.after, hex(change.place)
    for _, place in sections:
        begins = int(place, 16)
        assert any(c.place <= begins < c.place + len(c.after) for c in changes), place


def test_the_largest_message_is_the_one_that_clients_send() -> None:
    limits = [change.after for change in SERVER.changes if change.place in (0x1BC995, 0x99B79E)]
    assert len(limits) == 2
    unpacked = next(change.after for change in SERVER.changes if change.place == 0xAA8C30)
    assert all(MAX_MESSAGE_BYTES.to_bytes(4, "little") in limit for limit in [*limits, unpacked])


def test_other_programs_run_as_they_are_and_that_is_said(wheel: Binaries, tmp_path: Path) -> None:
    server, backend = tmp_path / "tritonserver", tmp_path / "python"
    backend.mkdir()
    server.write_bytes(b"another program")
    (backend / BACKEND_NAME).write_bytes(b"another library")
    (backend / "triton_python_backend_utils.py").touch()
    assert mend.weakness(wheel.server, wheel.libraries) is None
    said = mend.weakness(server, wheel.libraries)
    assert said is not None
    assert str(server) in said
    assert "nvidia-pytriton 0.7.0" in said
    assert mend.weakness(wheel.server, tmp_path) is not None, "its library is another"
    found = Binaries(server, backend, wheel.stub, wheel.libraries, wheel.libpython, wheel.packages)
    other = Layout(tmp_path / "work", found, tmp_path, Needs(frozenset(), gpu=False))
    other.create()
    assert other.server == server
    assert server.read_bytes() == b"another program"
    copy = other.backends / "python" / BACKEND_NAME
    assert copy.read_bytes() == b"another library"


@pytest.fixture
def laid_out(wheel: Binaries, tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "work", wheel, tmp_path, Needs(frozenset(), gpu=False))
    made.create()
    return made


def test_what_is_started_is_mended_and_lies_in_the_private_folder(
    wheel: Binaries, laid_out: Layout
) -> None:
    # Its RPATH begins with $ORIGIN/../lib and $ORIGIN/../../../nvidia_pytriton.libs.
    library = laid_out.server.parents[1] / "lib" / LIBRARY_NAME
    backend = laid_out.backends / "python" / BACKEND_NAME
    for path, program in ((laid_out.server, SERVER), (library, LIBRARY), (backend, BACKEND)):
        assert path.is_relative_to(laid_out.work)
        content = path.read_bytes()
        for change in program.changes:
            assert content[change.place :].startswith(change.after)
    assert laid_out.server.stat().st_mode & 0o777 == 0o700
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
