"""A backup: every table as JSON Lines, and every file. It fits SQLite and PostgreSQL alike.

``tables/NAME.jsonl`` holds the rows, ``files/`` the images by their digests, and ``backup.json``
says which revision of the tables this is and how the audit log ends. Files that the folder has
already are not copied again. Sessions and tokens are left out: they are secrets, and soon made.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import LargeBinary, Table, func, insert, select, text
from sqlalchemy.orm import Session

from allclient.errors import ConfigurationError, StoreError
from allclient.store import audit, database, integrity
from allclient.store.files import Files
from allclient.store.schema import Base, Entry, File, Secret, User, Utc
from allclient.store.store import Store

_ABOUT: Final = "backup.json"
_BATCH: Final = 500
_LARGEST: Final = 1 << 40
_READERS: Final[dict[type, Callable[[str], Any]]] = {
    Utc: datetime.fromisoformat,
    LargeBinary: base64.b64decode,
}
"""What makes a column of its text; the others are in JSON as they are."""


def tables() -> list[Table]:
    """The tables of a backup, those first that others refer to."""
    return [table for table in Base.metadata.sorted_tables if table.name != Secret.__tablename__]


def write(store: Store, folder: Path) -> int:
    """Write a backup into a folder, new or with an older backup; how many files it has.

    Others wait to write until the tables are written, and not while files are copied.
    """
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    with store.write() as session:
        digests = session.scalars(select(File.digest)).all()
        for table in tables():
            _written(folder / "tables" / f"{table.name}.jsonl", _lines(session, table))
        head = str(audit.head(session))
    files = _files(folder)
    for digest in digests:
        if not files.exists(digest):
            _copy(store.files, files, digest)
    revision, _ = database.revisions(store.engine)
    about = {"revision": revision, "head": head, "files": len(digests)}
    _written(folder / _ABOUT, iter([json.dumps(about) + "\n"]))
    return len(digests)


def restore(store: Store, folder: Path) -> int:
    """Fill an empty store from a backup, and check it; how many files it has.

    Raises ConfigurationError for what is no backup, one of another revision, or a store with
    something in it; StoreError where the backup is damaged. Nothing is restored then.
    """
    try:
        about = json.loads((folder / _ABOUT).read_text("utf-8"))
        head = audit.Head.parse(about["head"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{str(folder)!r} holds no whole backup: {error}") from error
    _, needed = database.revisions(store.engine)
    if about["revision"] != needed:
        raise ConfigurationError(
            f"the backup has tables of revision {about['revision']}, and this program needs "
            f"{needed}; restore it with the version of allclient that wrote it, then upgrade"
        )
    files = _files(folder)
    with store.write() as session:
        if session.scalar(select(Entry.number).limit(1)) or session.scalar(
            select(User.id).limit(1)
        ):
            raise ConfigurationError(
                f"a backup is restored into an empty store, and that of {str(store.folder)!r} has "
                "data; name another one with --data or --database"
            )
        for table in tables():
            _fill(session, table, folder / "tables" / f"{table.name}.jsonl")
        broken = integrity.check(session, head)
        if broken is not None:
            raise StoreError(f"the backup is damaged: its audit log does not hold: entry {broken}")
        digests = session.scalars(select(File.digest)).all()
        for digest in digests:
            _copy(files, store.files, digest)
    return len(digests)


def _files(folder: Path) -> Files:
    return Files(str(folder / "files"), folder / "incoming")


def _copy(source: Files, target: Files, digest: str) -> None:
    data = source.read(digest)  # held against its digest
    with target.receive(_LARGEST) as incoming:
        incoming.write(data)
        incoming.finish()
        target.keep(incoming)


def _lines(session: Session, table: Table) -> Iterator[str]:
    ordered = select(table).order_by(*table.primary_key.columns)
    for row in session.execute(ordered.execution_options(yield_per=_BATCH)).mappings():
        yield json.dumps(dict(row), default=_plain, ensure_ascii=False) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(type(value))


def _fill(session: Session, table: Table, path: Path) -> None:
    readers = {column.name: _READERS.get(type(column.type)) for column in table.columns}
    batch: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            for name, read in readers.items():
                if read is not None and row[name] is not None:
                    row[name] = read(row[name])
            batch.append(row)
            if len(batch) == _BATCH:
                session.execute(insert(table), batch)
                batch = []
    if batch:
        session.execute(insert(table), batch)
    _go_on_counting(session, table)


def _go_on_counting(session: Session, table: Table) -> None:
    """PostgreSQL gives the next row an id of its own counter, which saw none of these rows."""
    if session.get_bind().dialect.name != "postgresql" or "id" not in table.columns:
        return
    last = session.scalar(select(func.max(table.columns["id"])))
    if last is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")
        session.execute(sequence, {"name": table.name, "last": last})


def _written(path: Path, lines: Iterator[str]) -> None:
    """Whole or not at all: an older backup stays until the new one is there."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
