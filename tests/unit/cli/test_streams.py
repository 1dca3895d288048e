"""Standard streams that are full, closed or not read, and outputs that cannot be written."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from allclient.errors import OutputError
from allclient.report import rowfile
from tests.unit.cli.conftest import environment, start
from tests.unit.client.kserve import BENIGN_ANSWER, KServe

WAIT = 120
QUICK_BENCH = ("--seconds", "0.1", "--warmup", "0", "--in-flight", "1")
WRITING = {
    "table": ("classify", ".", "-f", "table"),
    "csv": ("classify", ".", "-f", "csv"),
    "jsonl": ("classify", ".", "-f", "jsonl"),
    "health": ("health",),
    "health json": ("health", "--format", "json"),
    "bench": ("bench", ".", *QUICK_BENCH),
    "bench json": ("bench", ".", *QUICK_BENCH, "--format", "json"),
    "version": ("--version",),
    "help": ("--help",),
    "help of a command": ("classify", "--help"),
    "completion": ("completion", "zsh"),
}
COMMANDS = pytest.mark.parametrize("arguments", WRITING.values(), ids=WRITING)
FULL = "allclient: cannot write standard output: No space left on device"


def ended(
    *arguments: str, closed: tuple[int, ...] = (), limit: int | None = None, **options: Any
) -> tuple[int, str, str]:
    """Exit code, standard output and error of a process.

    Some of its streams may be closed, and no file it writes may become larger than ``limit``.
    """
    options = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": environment(),
        **options,
    }
    # By other programs: what Popen itself would run after its fork, gRPC's threads here disturb.
    shell = ["sh", "-c", 'exec "$0" "$@" ' + " ".join(f"{number}>&-" for number in closed)]
    limited = [] if limit is None else ["prlimit", f"--fsize={limit}"]
    process = subprocess.Popen(
        [*shell, *limited, sys.executable, "-m", "allclient", *arguments], **options
    )
    out, errors = process.communicate(timeout=WAIT)
    assert b"Traceback" not in (errors or b"")
    assert b"Exception ignored" not in (errors or b"")
    return process.returncode, (out or b"").decode(), (errors or b"").decode()


@pytest.fixture
def images(write: Callable[..., list[str]], server: KServe) -> list[str]:
    return write(a="benign", b="pre")


@COMMANDS
def test_full_standard_output(images: list[str], arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, _, said = ended(*arguments, stdout=full)
    assert code == 4
    assert said.splitlines()[-1] == FULL


@COMMANDS
def test_closed_standard_output(images: list[str], arguments: tuple[str, ...]) -> None:
    code, _, said = ended(*arguments, closed=(1,))
    assert code == 4
    assert said.splitlines()[-1] == "allclient: cannot write standard output: Bad file descriptor"


@COMMANDS
def test_reader_of_standard_output_that_went_away(
    images: list[str], arguments: tuple[str, ...]
) -> None:
    """As in "| head": quiet, and with the code of a process that SIGPIPE ended."""
    reading, writing = os.pipe()
    os.close(reading)
    code, _, said = ended(*arguments, stdout=writing)
    os.close(writing)
    assert code == 141
    assert "allclient:" not in said


@pytest.mark.parametrize("arguments", [WRITING["table"], WRITING["health"], WRITING["help"]])
@pytest.mark.parametrize("how", ["full", "closed", "not read"])
def test_standard_error_that_takes_nothing_changes_nothing(
    images: list[str], write: Callable[..., list[str]], arguments: tuple[str, ...], how: str
) -> None:
    if arguments[0] == "classify":
        write(c="torn", d="review")
    expected, whole, _ = ended(*arguments)
    if how == "closed":
        code, out, _ = ended(*arguments, closed=(2,))
    elif how == "full":
        with open("/dev/full", "wb") as full:  # noqa: PTH123
            code, out, _ = ended(*arguments, stderr=full)
    else:
        reading, writing = os.pipe()
        os.close(reading)
        code, out, _ = ended(*arguments, stderr=writing)
        os.close(writing)
    assert (code, out) == (expected, whole)


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2)])
def test_no_file_takes_the_number_of_a_closed_stream(
    images: list[str], folder: Path, closed: tuple[int, ...]
) -> None:
    """Or what others write to standard error would stand between the rows."""
    code, _, _ = ended("-v", "classify", ".", "nothing.jpg", "-o", "o.csv", closed=closed)
    assert code == 1
    rows = (folder / "o.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["file", "./a.jpg", "./b.jpg", "nothing.jpg"]


def test_closed_standard_input(images: list[str]) -> None:
    code, _, said = ended("classify", "-", closed=(0,))
    assert code == 2
    assert "the list on standard input cannot be read: Bad file descriptor" in said
    assert ended("classify", ".", closed=(0,))[0] == 0


def test_wrong_usage_with_nobody_to_tell(folder: Path) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        assert ended("clasify", stderr=full)[0] == 2
    assert ended("classify", "none.jpg", "--server", "http://x", closed=(2,))[0] == 2


def test_completion_into_a_full_stream(folder: Path) -> None:
    variables = environment(
        _ALLCLIENT_COMPLETE="bash_complete", COMP_WORDS="allclient cl", COMP_CWORD="1"
    )
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, _, said = ended(stdout=full, env=variables)
    assert (code, said) == (4, FULL + "\n")


def test_pipe_that_does_not_wait_loses_nothing(
    server: KServe, write: Callable[..., list[str]]
) -> None:
    """Some programs leave their child such a standard output; the reader comes late."""
    files = write(**{f"f{n:03d}": "benign" for n in range(300)})
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = start("classify", *files, "-f", "csv", stdout=writing, env=environment())
    os.close(writing)
    with open(reading, "rb") as results:  # noqa: PTH123  a descriptor
        assert len(results.read().splitlines()) == 301
    assert process.wait(WAIT) == 0


# Files


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={size}".encode()
    if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, options) != 0:
        pytest.skip("this user cannot mount a small disk")
    try:
        yield
    finally:
        libc.umount2(os.fsencode(folder), 2)


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl"])
@pytest.mark.parametrize("kind", ["disk", "limit"])
def test_full_disk_keeps_whole_rows_and_is_resumed(
    server: KServe, write: Callable[..., list[str]], folder: Path, name: str, kind: str
) -> None:
    files = write(**{f"f{n:03d}": "benign" for n in range(100)})
    disk = folder / "disk"
    disk.mkdir()
    arguments = ("classify", *files, "-o", f"disk/{name}")
    with contextlib.ExitStack() as stack:
        if kind == "disk":
            stack.enter_context(small_disk(disk, 4096))
            code, _, said = ended(*arguments)
            reason = "No space left on device"
        else:
            code, _, said = ended(*arguments, limit=5000)
            reason = "File too large"
        partial = disk / f"{name}.partial"
        *_, hint, last = said.splitlines()
        assert code == 4
        assert last == f"allclient: cannot write '{partial}': {reason}"
        assert hint == (
            f"allclient: what was finished is in {partial}; --resume goes on from there"
        )
        assert partial.read_bytes().endswith(b"\n")
        finished = len(partial.read_bytes().splitlines()) - name.endswith(".csv")
        assert 5 < finished < 100
        assert f"{finished} classified" in said
        assert not (disk / name).exists()
        if kind == "limit":
            server.asked = 0
            assert ended(*arguments, "--resume")[0] == 0
            assert server.asked == 100 - finished
            assert len((disk / name).read_text().splitlines()) == 100 + name.endswith(".csv")


def test_disk_that_is_full_from_the_start(images: list[str], folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk, 4096):
        (disk / "full").write_bytes(bytes(4096))
        code, _, said = ended("classify", *images, "-o", "disk/o.csv")
        assert code == 4
        assert "o.csv.partial': No space left on device" in said.splitlines()[-1]


@pytest.mark.parametrize("errors", ["EDQUOT", "EIO", "ENOSPC", "EROFS", "EACCES"])
@pytest.mark.parametrize("when", ["open", "write", "sync", "close", "rename"])
def test_every_step_of_an_output_that_fails(
    images: list[str],
    allclient: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    when: str,
    errors: str,
) -> None:
    """The disk refuses at one step; whatever the step, one line says so."""
    error = OSError(getattr(errno, errors), os.strerror(getattr(errno, errors)))

    def fail(*_: object, **__: object) -> None:
        raise error

    class Disk:
        def __init__(self, path: Path, mode: str) -> None:
            self.file = real(path, mode)

        def __getattr__(self, name: str) -> Any:
            return fail if name == when else getattr(self.file, name)

        def close(self) -> None:
            """As a real file, which is closed all the same, and fails once."""
            if not self.file.closed:
                self.file.close()
                if when == "close":
                    fail()

    real = rowfile.open_raw
    if when == "rename":
        monkeypatch.setattr(Path, "replace", fail)
    elif when == "sync":
        monkeypatch.setattr(rowfile.os, "fsync", fail)
    else:
        monkeypatch.setattr(rowfile, "open_raw", fail if when == "open" else Disk)
    done = allclient("classify", *images, "-o", "o.csv")
    assert done.code == 4
    *_, last = done.err.splitlines()
    assert last.startswith("allclient: cannot write '")
    assert last.endswith(os.strerror(getattr(errno, errors)))
    assert not (folder / "o.csv").exists()
    if when in ("sync", "close", "rename"):
        assert "o.csv.partial; --resume goes on from there" in done.err
        assert (folder / "o.csv.partial").read_text().count("\n") == 3


def test_stopped_run_whose_file_cannot_be_closed(
    images: list[str], allclient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last rows may not have come to the disk."""

    def fail(file: rowfile.RowFile) -> None:
        raise OutputError("cannot write 'o.csv.partial': Input/output error")

    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(rowfile.RowFile, "close", fail)
    monkeypatch.setattr("allclient.cli.tally.Tally.count", interrupt)
    done = allclient("classify", *images, "-o", "o.csv")
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "allclient: cannot write 'o.csv.partial': Input/output error"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none/o.csv", "No such file or directory"),
        ("a.jpg/o.csv", "Not a directory"),
        ("x" * 300 + ".csv", "File name too long"),
        ("y/" * 3000 + "o.csv", "File name too long"),
        ("loop/o.csv", "loop"),
        (".", "Is a directory"),
    ],
)
def test_name_that_no_output_can_have_is_wrong_usage(
    images: list[str], allclient: Any, folder: Path, name: str, reason: str
) -> None:
    (folder / "loop").symlink_to("loop")
    done = allclient("classify", *images, "-o", name)
    assert done.code == 2
    assert "allclient: cannot write '" in done.err
    assert reason in done.err.splitlines()[-1]


def test_folder_that_vanishes_meanwhile(
    server: KServe, write: Callable[..., list[str]], allclient: Any, folder: Path
) -> None:
    files = write(a="benign", b="benign")
    place = folder / "place"
    place.mkdir()

    def respond(image: bytes) -> Any:
        for file in place.iterdir():
            file.unlink()
        with contextlib.suppress(OSError):
            place.rmdir()
        return BENIGN_ANSWER

    server.respond = respond
    done = allclient("classify", *files, "-o", "place/o.csv")
    assert done.code == 4
    assert "cannot write" in done.err.splitlines()[-1]
    assert "No such file or directory" in done.err.splitlines()[-1]


def test_results_into_a_full_device(images: list[str], allclient: Any) -> None:
    done = allclient("classify", *images, "-o", "/dev/full")
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "allclient: cannot write '/dev/full': No space left on device"
    )


def test_results_into_a_pipe_whose_reader_went_away(
    server: KServe, write: Callable[..., list[str]], folder: Path
) -> None:
    files = write(**{f"f{n:03d}": "benign" for n in range(100)})
    os.mkfifo(folder / "rows")
    process = start(
        "classify", *files, "-f", "jsonl", "-o", "rows", stderr=subprocess.PIPE, env=environment()
    )
    with (folder / "rows").open("rb") as rows:
        assert json.loads(rows.readline())["file"] == "f000.jpg"
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 141
    assert errors == b""


# Surroundings


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb"},
        {"TERM": ""},
        {"HOME": None},
        {"PATH": None, "HOME": None, "USER": None, "LANG": None, "TERM": None},
        {"TMPDIR": "/no/such/folder"},
    ],
    ids=str,
)
def test_any_environment_and_any_name(
    server: KServe, folder: Path, variables: dict[str, str | None]
) -> None:
    names = [b"caf\xc3\xa9.jpg", b"\xff\xfe.jpg", "幻 灯\n片.jpg".encode()]
    for name in names:
        with open(name, "wb") as file:  # noqa: PTH123  a name that no str can be
            file.write(b"torn")
    plain = environment()
    plain.pop("LANG", None)
    for name, value in variables.items():
        plain.pop(name, None)
        if value is not None:
            plain[name] = value
    for form in ("table", "csv", "jsonl"):
        code, out, said = ended("classify", ".", "-f", form, env=plain)
        assert code == 1
        assert said.count("image_truncated") == 3
        assert out.count("image_truncated") == 3
    rows = [os.fsencode(json.loads(line)["file"]) for line in out.splitlines()]
    assert sorted(rows) == sorted(b"./" + name for name in names)


def test_help_where_the_terminal_knows_ascii_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "allclient", "classify", "--help"],
        env=environment(PYTHONIOENCODING="ascii", COLUMNS="20"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
