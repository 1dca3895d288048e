"""The tritonserver of the wheel is known to the byte, mended in a copy, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from allclient.local import binaries, mend
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs
from allclient.local.layout import Layout


@pytest.fixture(scope="module")
def wheel() -> Binaries:
    return binaries.find()


@pytest.fixture
def copy(wheel: Binaries, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(wheel.server, tmp_path / "tritonserver"))


def overwrite(program: Path, place: int, data: bytes) -> None:
    with program.open("r+b") as file:
        file.seek(place)
        file.write(data)


def test_a_change_keeps_its_length_and_none_touches_another() -> None:
    ends = 0
    for change in sorted(mend.CHANGES):
        assert len(change.before) == len(change.after)
        assert change.before != change.after
        assert change.place >= ends
        ends = change.place + len(change.before)


def test_the_wheels_program_is_mended_in_those_places_alone(wheel: Binaries, copy: Path) -> None:
    before = copy.read_bytes()
    assert mend.is_known(copy)
    mend.mend(copy)
    after = copy.read_bytes()
    expected = bytearray(before)
    for change in mend.CHANGES:
        end = change.place + len(change.before)
        assert expected[change.place : end] == change.before
        expected[change.place : end] = change.after
    assert after == expected
    assert wheel.server.read_bytes() == before
    assert mend.weakness(wheel.server) is None


def test_what_is_mended_is_not_mended_again(copy: Path) -> None:
    mend.mend(copy)
    assert not mend.is_known(copy)


def test_a_program_with_one_other_byte_is_not_known(copy: Path) -> None:
    for change in mend.CHANGES:
        overwrite(copy, change.place, bytes([change.before[0] ^ 1]))
        assert not mend.is_known(copy), hex(change.place)
        overwrite(copy, change.place, change.before[:1])
    assert mend.is_known(copy)


def test_another_program_is_not_known_and_runs_as_it_is(wheel: Binaries, tmp_path: Path) -> None:
    other = tmp_path / "tritonserver"
    other.write_bytes(b"another program")
    assert not mend.is_known(other)
    said = mend.weakness(other)
    assert said is not None
    assert str(other) in said
    assert "nvidia-pytriton 0.7.0" in said
    found = Binaries(
        other, wheel.python_backend, wheel.stub, wheel.libraries, wheel.libpython, wheel.packages
    )
    layout = Layout(tmp_path / "work", found, tmp_path, Needs(frozenset(), gpu=False))
    layout.create()
    assert layout.server == other
    assert other.read_bytes() == b"another program"


def test_the_server_that_is_started_is_a_mended_copy_beside_its_libraries(
    wheel: Binaries, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "work", wheel, tmp_path, Needs(frozenset(), gpu=False))
    layout.create()
    assert layout.server.is_relative_to(layout.work)
    assert layout.server.stat().st_mode & 0o777 == 0o700
    with layout.server.open("rb") as program:
        for change in mend.CHANGES:
            program.seek(change.place)
            assert program.read(len(change.after)) == change.after
    # Where its RPATH says: $ORIGIN/../../../nvidia_pytriton.libs, and nowhere outside the folder.
    libraries = layout.server.parents[3] / "nvidia_pytriton.libs"
    assert libraries.is_relative_to(layout.work)
    assert libraries.resolve() == wheel.libraries.resolve()
