"""Finds the files of a run: what the plain command takes, fsspec URLs, and Parquet of paths."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from allclient.bulk.places import filesystem, is_url
from allclient.errors import ConfigurationError
from allclient.sources import Skipped, expand, is_image_name, once

_COLUMNS: Final = ("file", "path", "url")
"""Names of the column of paths, the first that is there."""

_TABLE: Final = ".parquet"


def find(
    paths: Iterable[str],
    *,
    recursive: bool = False,
    listed: BinaryIO | None = None,
    null: bool = False,
    skipped: Skipped,
) -> Iterator[str]:
    """Yield each file once, in the order of ``sources.expand``, without holding them all.

    Beside what that takes, a path may be an fsspec URL of a file, folder or pattern, and a Parquet
    file, here or at a URL, whose column ``file``, ``path`` or ``url`` names files.

    Raises:
        ConfigurationError: a list cannot be read.
    """
    arguments = list(paths)
    plain = [path for path in arguments if not (is_url(path) or path.endswith(_TABLE))]
    if len(plain) == len(arguments):
        return expand(plain, recursive=recursive, listed=listed, null=null, skipped=skipped)

    def each() -> Iterator[str]:
        for path in arguments:
            if path.endswith(_TABLE):
                yield from _column(path)
            elif is_url(path):
                yield from _search(path, recursive, skipped)
            else:
                one = [path]
                yield from expand(
                    one, recursive=recursive, listed=listed, null=null, skipped=skipped
                )

    return once(each(), skipped)


def _column(path: str) -> Iterator[str]:
    fs, inner = filesystem(path)
    try:
        with fs.open(inner, "rb") as file:
            table = pq.ParquetFile(file)
            name = next((name for name in _COLUMNS if name in table.schema_arrow.names), None)
            if name is None or not _is_text(table.schema_arrow.field(name).type):
                raise ConfigurationError(
                    f"{path!r} has no column of text named {', '.join(_COLUMNS[:-1])} or "
                    f"{_COLUMNS[-1]}: one of them names the files to classify"
                )
            for batch in table.iter_batches(batch_size=4096, columns=[name]):
                yield from (value for value in batch.column(0).to_pylist() if value)
    except ConfigurationError:
        raise
    except Exception as error:  # each file system has its own, and so has Arrow
        raise ConfigurationError(f"{path!r} cannot be read as Parquet: {error}") from error


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _search(url: str, recursive: bool, skipped: Skipped) -> Iterator[str]:
    fs, path = filesystem(url)
    try:
        if glob.has_magic(path) and not fs.exists(path):
            matches = [url_of(fs, match) for match in sorted(fs.glob(path))]
            yield from matches or [url]
        elif fs.isdir(path):
            yield from _folder(fs, path, recursive, skipped)
        else:
            yield url
    except Exception as error:  # each file system has its own
        raise ConfigurationError(f"{url!r} cannot be listed: {error}") from error


def _folder(fs: Any, top: str, recursive: bool, skipped: Skipped) -> Iterator[str]:
    for folder, folders, files in fs.walk(top, maxdepth=None if recursive else 1):
        folders_kept = sorted(name for name in folders if not name.startswith("."))
        skipped.folders += len(folders) - (len(folders_kept) if recursive else 0)
        if isinstance(folders, list):
            folders[:] = folders_kept
        for name in sorted(files):
            if not name:
                continue  # some stores keep an empty object for a folder
            if name.startswith(".") or not is_image_name(name):
                skipped.other_files += 1
            else:
                yield url_of(fs, f"{folder.rstrip('/')}/{name}")


def url_of(fs: Any, path: str) -> str:
    """Return the URL of a path in a file system."""
    return str(fs.unstrip_protocol(path))
