from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from allclient.client import reading
from allclient.client.reading import read_image, size_of
from allclient.errors import ImageReadError


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

    monkeypatch.setattr(Path, "open", refuse)
    assert code_and_message(tmp_path / "x.jpg") == ("file_unreadable", "Permission denied")


def test_endless_device() -> None:
    assert code_and_message("/dev/zero") == ("file_unreadable", "not a regular file")


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
