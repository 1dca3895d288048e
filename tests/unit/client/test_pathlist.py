"""Lists of paths: plain ones, those of Windows programs, and what is none."""

from __future__ import annotations

import codecs
import io
import os
from pathlib import Path

import pytest

from allclient import pathlist
from allclient.errors import ConfigurationError
from allclient.pathlist import read_list
from allclient.textfile import utf_16_of

NAMES = ["slides/a.jpg", "slides/Größe 2.jpg", "幻灯片/一.png"]
LINES = "\r\n".join(NAMES) + "\r\n"


def paths(data: bytes, *, null: bool = False) -> list[str]:
    return list(read_list(io.BytesIO(data), null=null))


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        b"\xef\xbb\xbf" + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        LINES.encode("utf-16-le"),
        LINES.encode("utf-16-be"),
        LINES.removesuffix("\r\n").encode("utf-16"),
        "\n".join(f'"{name}"' for name in NAMES).encode(),
        LINES.replace("\r\n", "\r\n\r\n").encode("utf-16"),
    ],
    ids=["crlf", "mark", "utf16", "utf16be", "utf16le-bare", "utf16be-bare", "no end", "quotes",
         "empty lines"],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_lists_as_windows_programs_write_them(data: bytes, piece: int) -> None:
    """However the bytes arrive: a character may be torn in the middle."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(piece)

    assert list(read_list(Slow(data))) == NAMES


def test_one_line_in_utf_16_without_mark_or_end() -> None:
    assert paths("slides/a.jpg".encode("utf-16-le")) == ["slides/a.jpg"]


def test_a_file_whose_name_begins_with_the_mark_or_has_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("\ufeffa.jpg").touch()
    Path('"b.jpg"').touch()
    assert paths(b'\xef\xbb\xbfa.jpg\r\n"b.jpg"\n') == ["\ufeffa.jpg", '"b.jpg"']
    assert paths(b'\xef\xbb\xbfc.jpg\n"d.jpg"\n"\n""\n') == ["c.jpg", "d.jpg", '"', '""']


def test_ended_by_zero_bytes() -> None:
    assert paths(b"two\nlines.jpg\0b.jpg\0\0", null=True) == ["two\nlines.jpg", "b.jpg"]
    assert paths(b'\xef\xbb\xbfa.jpg\0"b.jpg"\0c\r\0', null=True) == ["a.jpg", '"b.jpg"', "c\r"]


def test_zero_bytes_without_null_are_told() -> None:
    for data in (b"slides/a.jpg\0slides/b.jpg\0", b"a.jpg\nb\0.jpg\n", b"a-1.jpg\0" * 9):
        with pytest.raises(ConfigurationError, match="zero bytes: with --null"):
            paths(data)


def test_bytes_that_are_no_utf8_are_kept() -> None:
    (name,) = paths(b"\xff\xfe.jpg\n")
    assert os.fsencode(name) == b"\xff\xfe.jpg"


def test_torn_utf_16_is_a_path_that_is_not_found() -> None:
    assert paths("a.jpg\nb.jpg".encode("utf-16") + b"x") == ["a.jpg", "b.jpg\ufffd"]


def test_what_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pathlist, "_MAX_PATH_BYTES", 1000)
    for data in (b"x" * 70000, b"a.jpg\n" + b"x" * 70000):
        with pytest.raises(ConfigurationError, match="no list of paths: 1,000 bytes without"):
            paths(data)


def test_comes_as_it_is_written() -> None:
    """The first line is there while the writer still holds the pipe open."""
    reading_end, writing_end = os.pipe()
    with open(reading_end, "rb") as stream:  # noqa: PTH123  a descriptor
        os.write(writing_end, b"first.jpg\nsec")
        found = read_list(stream)
        assert next(found) == "first.jpg"
        os.write(writing_end, b"ond.jpg\n")
        assert next(found) == "second.jpg"
        os.close(writing_end)
        assert list(found) == []


def test_pipe_that_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some programs leave their child such a pipe: no bytes now are not the end of the list."""
    reading_end, writing_end = os.pipe()
    os.set_blocking(reading_end, False)
    waited: list[object] = []

    def select(*_: object) -> None:
        waited.append(1)
        os.write(writing_end, b"late.jpg\n")
        monkeypatch.setattr(pathlist.select, "select", lambda *_: os.close(writing_end))

    monkeypatch.setattr(pathlist.select, "select", select)
    with open(reading_end, "rb") as stream:  # noqa: PTH123  a descriptor
        assert list(read_list(stream)) == ["late.jpg"]
    assert waited


def test_list_that_cannot_be_read(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    stream = io.FileIO(os.dup(0), closefd=True)
    os.dup2(descriptor, stream.fileno())
    with stream, pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        list(read_list(stream))  # type: ignore[arg-type]
    os.close(descriptor)


def test_utf_16_is_told_from_others() -> None:
    assert utf_16_of(b"plain") is None
    assert utf_16_of(b"\xff\xfe.jpg\n") is None
    assert utf_16_of(b"slides/a.jpg\0slides/b.jpg\0") is None
    assert utf_16_of("a.jpg\r\n".encode("utf-16-le")) == "utf-16-le"
    assert utf_16_of("a.jpg\r\n".encode("utf-16-be")) == "utf-16-be"
