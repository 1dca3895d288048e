"""Opens the database, has writers take turns, and migrates it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from allclient.errors import ConfigurationError, StoreError

_BUSY: Final = 30.0
"""Seconds that a SQLite writer waits for its turn."""

_TURN: Final = 0x616C6C63
"""The key of PostgreSQL's advisory lock for the writers of one database."""

_BEGIN_WRITING: Final = text(
    "SELECT pg_advisory_xact_lock(:key), CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END"
)
"""Take turns; and what was accepted survives a crash, however the server is set up."""


_WRITES_NOTHING: Final = text("UPDATE alembic_version SET version_num = version_num")


def open_engine(url: str) -> Engine:
    """Open an engine for SQLite or PostgreSQL. Raises ConfigurationError for other addresses.

    Its errors, which end up in logs, do not quote the values of a statement.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "the address of the database is not a URL as postgresql://USER:PASSWORD@HOST/NAME"
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
    elif kind == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=20,
            hide_parameters=True,
        )
    else:
        raise ConfigurationError(f"the store keeps its data in SQLite or PostgreSQL, not in {kind}")
    event.listen(engine, "begin", _begin)
    return engine


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: one at a time, from their beginning."""
    return engine.execution_options(writes=True)


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # sqlite3 begins no transactions of its own
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was accepted survives a power cut
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        connection.execute(_BEGIN_WRITING, {"key": _TURN})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up to ``revision``, in one transaction."""
    _run(engine, lambda config: command.upgrade(config, revision))


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the tables down to ``revision``; "base" removes them all."""
    _run(engine, lambda config: command.downgrade(config, revision))


def _run(engine: Engine, step: Any) -> None:
    config = _config()
    try:
        with writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            step(config)
            # Tables that are up to date were only read: it has to be writable as well.
            if MigrationContext.configure(connection).get_current_revision() is not None:
                connection.execute(_WRITES_NOTHING)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"the database {engine.url.render_as_string(hide_password=True)} cannot be used: "
            f"{_reason(error)}; check its address, and that this user may write to it"
        ) from error
    except CommandError as error:
        if _is_known(engine):
            raise
        raise ConfigurationError(
            f"the tables of {engine.url.render_as_string(hide_password=True)} were made by a newer "
            "allclient; update this one, or name another place for the data"
        ) from error


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn what a database refuses within the block into a StoreError of one line."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"the database failed: {_reason(error)}") from error


def _reason(error: SQLAlchemyError) -> str:
    """Return what a database said, in one line and without the statement."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _is_known(engine: Engine) -> bool:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revisions(engine)[0] in {None, *known}


def revisions(engine: Engine) -> tuple[str | None, str | None]:
    """Return the revision that the tables have, and the one that this program needs."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return present, ScriptDirectory.from_config(_config()).get_current_head()
