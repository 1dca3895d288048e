from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from allclient.client.reading import read_image
from allclient.errors import ImageReadError
from allclient.result import Pipe
from allclient.sources import Skipped, expand


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


def test_the_search_is_lazy(tree: Path) -> None:
    files = expand(["b.jpg", "sub"], recursive=True)
    assert next(files) == "b.jpg"
    Path("sub/aa.jpg").touch()
    assert next(files) == "sub/aa.jpg"


def test_pipe_is_marked_only_where_it_is_named(tree: Path) -> None:
    os.mkfifo("pipe.jpg")
    Path("link.jpg").symlink_to("pipe.jpg")

    def pipes(*paths: str, **options: object) -> list[str]:
        return [path for path in found(*paths, **options) if isinstance(path, Pipe)]

    assert pipes("pipe.jpg") == ["pipe.jpg"]
    assert pipes("link.jpg", "b.jpg") == ["link.jpg"]
    assert pipes(".") == pipes("*.jpg") == pipes(str(tree), recursive=True) == []
    assert pipes("-", listed=io.BytesIO(b"pipe.jpg\n")) == []
    assert {"./pipe.jpg", "./link.jpg"} < set(found("."))


def test_sockets_and_devices_come_out_to_be_named(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.jpg")
        Path("zero.jpg").symlink_to("/dev/zero")
        assert found(".") == ["./a.PNG", "./b.jpg", "./s.jpg", "./zero.jpg"]


def test_folders_deeper_than_calls_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = sys.getrecursionlimit() + 200
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("deep.jpg").touch()
    os.chdir(tmp_path)
    assert found(".", recursive=True) == ["./" + "d/" * depth + "deep.jpg"]
    subprocess.run(["rm", "-r", "d"], check=True)  # shutil.rmtree calls itself


def test_folders_deeper_than_a_path_can_be_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    os.chdir(tmp_path)
    (path,) = found(".", recursive=True)
    with pytest.raises(ImageReadError, match="File name too long"):
        read_image(path)
    subprocess.run(["rm", "-r", "d" * 250], check=True)


def test_order_across_levels(tree: Path) -> None:
    for name in ("sub/a.jpg", "sub/z.jpg", "sub/deep/e.jpg", "zoo/x.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert found(".", recursive=True) == [
        "./a.PNG", "./b.jpg", "./sub/a.jpg", "./sub/c.tiff", "./sub/deep/d.webp",
        "./sub/deep/e.jpg", "./sub/z.jpg", "./zoo/x.jpg",
    ]  # fmt: skip


def test_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "a.jpg"
    image.touch()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert found(str(image), "b.jpg", str(image)) == [str(image), "b.jpg"]
