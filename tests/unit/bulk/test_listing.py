"""Which files a run has, here and at URLs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allclient.bulk.listing import find
from allclient.errors import ConfigurationError
from allclient.sources import Skipped


@pytest.fixture
def memory() -> str:
    """A URL of a folder in fsspec's own memory."""
    top = f"memory://{uuid.uuid4().hex}"
    fs, path = fsspec.core.url_to_fs(top)
    for name in ("b.png", "a.jpg", "notes.txt", ".hidden.png", "deep/c.TIF", ".git/d.png"):
        fs.pipe_file(f"{path}/{name}", b"x")
    return top


def found(*paths: str, **options: Any) -> tuple[list[str], Skipped]:
    skipped = Skipped()
    return list(find(paths, skipped=skipped, **options)), skipped


def names(paths: list[str], top: str) -> list[str]:
    inner = top.removeprefix("memory://")
    return [path.partition(f"{inner}/")[2] for path in paths]


def test_a_folder_at_a_url(memory: str) -> None:
    paths, skipped = found(memory)
    assert names(paths, memory) == ["a.jpg", "b.png"]
    assert all(path.startswith("memory://") for path in paths)
    assert (skipped.other_files, skipped.folders) == (2, 2)


def test_folders_in_it(memory: str) -> None:
    paths, skipped = found(memory, recursive=True)
    assert names(paths, memory) == ["a.jpg", "b.png", "deep/c.TIF"]
    assert (skipped.other_files, skipped.folders) == (2, 1)


def test_a_pattern_and_a_file(memory: str) -> None:
    assert names(found(f"{memory}/*.png")[0], memory) == [".hidden.png", "b.png"]
    assert names(found(f"{memory}/notes.txt")[0], memory) == ["notes.txt"]
    assert found(f"{memory}/none.png")[0] == [f"{memory}/none.png"]  # reading it says so
    assert found(f"{memory}/*.gif")[0] == [f"{memory}/*.gif"]


@pytest.mark.parametrize("column", ["file", "path", "url"])
def test_parquet_names_files_once(tmp_path: Path, column: str) -> None:
    table = tmp_path / "list.parquet"
    listed = ["s3://b/x.png", "here.png", None, "s3://b/x.png", ""]
    pq.write_table(pa.table({"number": range(5), column: listed}), table)
    paths, skipped = found(str(table))
    assert paths == ["s3://b/x.png", "here.png"]
    assert skipped.repeated == 1
    paths, skipped = found(str(table), "here.png")
    assert skipped.repeated == 2


def test_parquet_at_a_url(memory: str) -> None:
    with fsspec.open(f"{memory}/list.parquet", "wb") as file:
        pq.write_table(pa.table({"file": ["a", "b"]}), file)
    assert found(f"{memory}/list.parquet")[0] == ["a", "b"]


@pytest.mark.parametrize("columns", [{"name": ["a"]}, {"file": [1]}])
def test_parquet_without_paths_is_refused(tmp_path: Path, columns: dict[str, list[Any]]) -> None:
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    with pytest.raises(ConfigurationError, match=r"list\.parquet.* no column of text named file"):
        found(str(tmp_path / "list.parquet"))


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"file\na.png\n")
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet"):
        found(str(tmp_path / "list.parquet"))
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet"):
        found(str(tmp_path / "none.parquet"))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        found("nowhere://bucket/")


def test_files_here_are_those_of_the_plain_command(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert found(str(tmp_path))[0] == [str(tmp_path / "a.jpg"), str(tmp_path / "b.png")]
