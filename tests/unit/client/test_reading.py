from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
import threading
from pathlib import Path

import pytest

from allclient.client import reading
from allclient.client.reading import read_image, size_of
from allclient.errors import ConfigurationError, ImageReadError


def code_and_message(source: object) -> tuple[str, str]:
    with pytest.raises(ImageReadError) as caught:
        read_image(source)  # type: ignore[arg-type]
    return caught.value.code, str(caught.value)


def test_reads_every_byte(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    path = tmp_path / "field.jpg"
    path.write_bytes(content)
    assert read_image(str(path)) == content
    assert read_image(path) == content
    assert read_image(content) == content


def test_missing_file(tmp_path: Path) -> None:
    assert code_and_message(tmp_path / "none.jpg") == ("file_not_found", "no such file")
    assert code_and_message(tmp_path / "*.jpg") == (
        "file_not_found",
        "no file matches the pattern",
    )
    assert code_and_message("") == ("file_not_found", "the name is empty: is a variable not set?")


def test_empty_file(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert code_and_message(empty)[0] == "image_empty"
    assert code_and_message(b"")[0] == "image_empty"


def test_folder(tmp_path: Path) -> None:
    assert code_and_message(tmp_path) == ("file_unreadable", "is a folder, not an image file")


def test_a_file_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert code_and_message(tmp_path / "file" / "x.jpg") == ("file_unreadable", "Not a directory")


def test_name_no_file_can_have() -> None:
    assert code_and_message("a\0b.jpg") == ("file_unreadable", "embedded null byte")
    assert code_and_message("x" * 5000) == ("file_unreadable", "File name too long")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_file_that_may_not_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.touch(mode=0o000)
    assert code_and_message(secret) == ("file_unreadable", "Permission denied")


def test_refused_open_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.jpg").touch()
    monkeypatch.setattr(os, "open", refuse)
    assert code_and_message(tmp_path / "x.jpg") == ("file_unreadable", "Permission denied")


def test_endless_device() -> None:
    assert code_and_message("/dev/zero") == ("file_unreadable", "is a device, not a regular file")


def test_socket(tmp_path: Path) -> None:
    path = tmp_path / "s.jpg"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert code_and_message(path) == ("file_unreadable", "is a socket, not a regular file")


@pytest.mark.parametrize("linked", [False, True])
def test_pipe_that_nobody_named_is_refused_and_not_opened(tmp_path: Path, linked: bool) -> None:
    path = pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    if linked:
        path = tmp_path / "link.jpg"
        path.symlink_to(pipe)
    with pytest.raises(ImageReadError, match="is a pipe, not a regular file") as caught:
        read_image(path, pipes=False)
    assert caught.value.code == "file_unreadable"


@pytest.mark.parametrize("becomes", ["pipe", "folder", "device"])
def test_file_that_is_another_thing_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    """Between listing and opening, the file is taken away and something else put in its place."""
    path = tmp_path / "field.jpg"
    path.write_bytes(b"x")
    real = os.open

    def swap(name: str, flags: int) -> int:
        Path(name).unlink()
        if becomes == "pipe":
            os.mkfifo(name)
        elif becomes == "folder":
            Path(name).mkdir()
        else:
            Path(name).symlink_to("/dev/zero")
        return real(name, flags)

    monkeypatch.setattr(os, "open", swap)
    reason = {
        "pipe": "is a pipe, not a regular file",
        "folder": "is a folder, not an image file",
        "device": "is a device, not a regular file",
    }[becomes]
    with pytest.raises(ImageReadError) as caught:
        read_image(str(path), pipes=False)
    assert (caught.value.code, str(caught.value)) == ("file_unreadable", reason)


def test_file_whose_bytes_may_never_come_is_not_waited_for(tmp_path: Path) -> None:
    """/proc/kmsg is such a regular file: it is read without waiting."""
    try:
        descriptor = os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        pytest.skip("this user may not read /proc/kmsg")
    os.close(descriptor)
    with contextlib.suppress(ImageReadError):
        read_image("/proc/kmsg")


def test_file_under_lease_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server's lease refuses only those who do not wait."""
    path = tmp_path / "field.jpg"
    path.write_bytes(b"image")
    real = os.open

    def leased(name: str, flags: int) -> int:
        if flags & os.O_NONBLOCK:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real(name, flags)

    monkeypatch.setattr(os, "open", leased)
    assert read_image(path, pipes=False) == b"image"


def test_descriptor_that_is_free_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "field.jpg"
    path.write_bytes(b"image")
    real = os.open
    refusals = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENFILE, "No file")]

    def scarce(name: str, flags: int) -> int:
        if refusals:
            raise refusals.pop()
        return real(name, flags)

    monkeypatch.setattr(os, "open", scarce)
    assert read_image(path) == b"image"


def test_descriptor_that_never_comes_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "field.jpg").touch()

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(reading, "_PATIENCE", 0.05)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigurationError, match=r"field.jpg' cannot .* raise the limit"):
        read_image(tmp_path / "field.jpg")


def test_too_little_memory_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise MemoryError

    (tmp_path / "field.jpg").touch()
    monkeypatch.setattr(os, "read", full)
    assert code_and_message(tmp_path / "field.jpg") == (
        "image_too_large",
        "there is not enough memory to read it",
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slides\\a.jpg", "no such file; on this system folders are parted by /, not by a back"),
        ("C:\\slides\\*.jpg", "no file matches the pattern; on this system folders are parted"),
        (b"Gr\xfc\xdfe.jpg", "no such file; the name is not UTF-8: was the list saved in another"),
    ],
)
def test_name_from_another_system_is_hinted_at(name: str | bytes, reason: str) -> None:
    code, message = code_and_message(os.fsdecode(name))
    assert code == "file_not_found"
    assert message.startswith(reason)


class Broken:
    def __fspath__(self) -> str:
        raise RuntimeError("no path today")


class AsBytes:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self.path)


@pytest.mark.parametrize("source", [None, 5, float("nan"), ["a.jpg"], object(), io.BytesIO(b"x")])
def test_what_is_no_image_is_told_as_that(source: object) -> None:
    code, message = code_and_message(source)
    assert code == "file_unreadable"
    assert message == f"an image is a path or bytes, not {type(source).__name__}"
    assert size_of(source) == 0  # type: ignore[arg-type]


def test_path_likes(tmp_path: Path) -> None:
    (tmp_path / "field.jpg").write_bytes(b"image")
    assert read_image(AsBytes(tmp_path / "field.jpg")) == b"image"  # type: ignore[arg-type]
    assert code_and_message(Broken()) == (
        "file_unreadable",
        "an image is a path or bytes, not Broken (RuntimeError('no path today'))",
    )


def test_too_large_is_refused_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_IMAGE_BYTES", 1000)
    path = tmp_path / "large.tif"
    path.write_bytes(bytes(1000))
    assert len(read_image(path)) == 1000
    path.write_bytes(bytes(1001))
    assert code_and_message(path) == (
        "image_too_large",
        "1,001 bytes; the largest file sent is 1,000 bytes",
    )
    assert code_and_message(bytes(1001))[0] == "image_too_large"


def test_pipe_is_read_to_its_end_but_not_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed(content: bytes) -> threading.Thread:
        thread = threading.Thread(target=lambda: pipe.write_bytes(content))
        thread.start()
        return thread

    thread = feed(b"image" * 10)
    assert read_image(pipe) == b"image" * 10
    thread.join()
    monkeypatch.setattr(reading, "MAX_IMAGE_BYTES", 10)
    thread = feed(b"image" * 10)
    assert code_and_message(pipe)[0] == "image_too_large"
    thread.join()


def test_size(tmp_path: Path) -> None:
    path = tmp_path / "field.jpg"
    path.write_bytes(b"12345")
    assert size_of(path) == size_of(str(path)) == size_of(b"12345") == 5
    assert size_of(tmp_path / "none.jpg") == 0
