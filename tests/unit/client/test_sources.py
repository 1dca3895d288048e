from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from allclient.client.reading import read_image
from allclient.errors import ImageReadError
from allclient.sources import Skipped, expand, read_list


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of a small archive; the test runs inside it."""
    for name in (
        "b.jpg",
        "a.PNG",
        "notes.txt",
        ".hidden.jpg",
        "._a.PNG",
        "sub/c.tiff",
        "sub/deep/d.webp",
        "sub/readme",
        "empty/.keep",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*paths: str, **options: object) -> list[str]:
    return list(expand(paths, **options))  # type: ignore[arg-type]


def test_folder_takes_images_by_ending_in_order_of_name(tree: Path) -> None:
    skipped = Skipped()
    assert found(".", skipped=skipped) == ["./a.PNG", "./b.jpg"]
    assert (skipped.other_files, skipped.folders, skipped.repeated) == (3, 2, 0)
    assert skipped.sentence() == (
        "skipped: 3 other files in folders (hidden, or no image by its name), "
        "2 folders in folders (use --recursive)"
    )


def test_recursive(tree: Path) -> None:
    skipped = Skipped()
    assert found(str(tree), recursive=True, skipped=skipped) == [
        str(tree / name) for name in ("a.PNG", "b.jpg", "sub/c.tiff", "sub/deep/d.webp")
    ]
    assert (skipped.other_files, skipped.folders) == (5, 0)


def test_a_named_file_is_taken_whatever_its_ending(tree: Path) -> None:
    assert found("notes.txt", ".hidden.jpg") == ["notes.txt", ".hidden.jpg"]


def test_what_does_not_exist_comes_out_to_be_named(tree: Path) -> None:
    assert found("none.jpg", "no*.png", "b.jpg") == ["none.jpg", "no*.png", "b.jpg"]


def test_pattern(tree: Path) -> None:
    assert found("*.jpg") == ["b.jpg"]
    assert found("**/*.[tw]*") == ["notes.txt", "sub/c.tiff", "sub/deep/d.webp"]
    assert found("s*") == ["sub/c.tiff"]  # a folder that matches is searched


def test_a_name_that_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    Path("b[1].jpg").touch()
    assert found("b[1].jpg") == ["b[1].jpg"]


def test_named_twice_comes_once(tree: Path) -> None:
    skipped = Skipped()
    assert found("b.jpg", "./b.jpg", str(tree / "b.jpg"), ".", skipped=skipped) == [
        "b.jpg",
        "./a.PNG",
    ]
    assert skipped.repeated == 3
    assert "3 repeated paths" in skipped.sentence()


def test_links_to_files_are_files_of_their_own(tree: Path) -> None:
    Path("link.jpg").symlink_to("b.jpg")
    assert found(".") == ["./a.PNG", "./b.jpg", "./link.jpg"]


def test_loops_of_links_end(tree: Path) -> None:
    Path("sub/up").symlink_to("..")
    Path("sub/self").symlink_to(".")
    Path("again").symlink_to("sub")
    skipped = Skipped()
    files = found(".", recursive=True, skipped=skipped)
    assert files == ["./a.PNG", "./again/c.tiff", "./again/deep/d.webp", "./b.jpg"]
    assert skipped.repeated == 3


def test_link_to_nothing(tree: Path) -> None:
    Path("dead.jpg").symlink_to("nowhere")
    assert "./dead.jpg" in found(".")
    with pytest.raises(ImageReadError):
        read_image("./dead.jpg")


def test_a_folder_that_cannot_be_listed_comes_out_to_be_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def refuse(path: str = ".") -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(".", recursive=True) == ["./a.PNG", "./b.jpg", "./sub"]
    with pytest.raises(ImageReadError, match="folder cannot be listed: Permission denied"):
        read_image("./sub")


def test_nothing(tree: Path) -> None:
    skipped = Skipped()
    assert found("empty", skipped=skipped) == []
    assert skipped.other_files == 1
    assert Skipped().sentence() == ""


def test_list_on_standard_input(tree: Path) -> None:
    listed = io.BytesIO(b"b.jpg\r\n\nsub\nno*e.jpg\nb.jpg\nlast.jpg")
    assert found("-", listed=listed) == ["b.jpg", "sub/c.tiff", "no*e.jpg", "last.jpg"]


def test_list_ended_by_zero_bytes(tree: Path) -> None:
    listed = io.BytesIO(b"two\nlines.jpg\0b.jpg\0")
    assert found("-", listed=listed, null=True) == ["two\nlines.jpg", "b.jpg"]


def test_list_keeps_bytes_that_are_no_utf8() -> None:
    (name,) = read_list(io.BytesIO(b"\xff\xfe.jpg\n"))
    assert os.fsencode(name) == b"\xff\xfe.jpg"


def test_list_comes_as_it_is_written() -> None:
    """The first line is there while the writer still holds the pipe open."""
    reading_end, writing_end = os.pipe()
    with open(reading_end, "rb") as stream:  # noqa: PTH123  a descriptor
        os.write(writing_end, b"first.jpg\nsec")
        paths = read_list(stream)
        assert next(paths) == "first.jpg"
        os.write(writing_end, b"ond.jpg\n")
        assert next(paths) == "second.jpg"
        os.close(writing_end)
        assert list(paths) == []


def test_the_search_is_lazy(tree: Path) -> None:
    files = expand(["b.jpg", "sub"], recursive=True)
    assert next(files) == "b.jpg"
    Path("sub/aa.jpg").touch()
    assert next(files) == "sub/aa.jpg"
