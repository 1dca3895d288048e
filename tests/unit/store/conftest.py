"""Stores on SQLite, and on a real PostgreSQL of this machine where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the store needs the extra web")

from sqlalchemy import create_engine, text

from allclient.store import Store
from tests.unit.store.postgres import Postgres, why_not


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if reason := why_not():
        pytest.skip(reason)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    engine = create_engine(server.url)
    with engine.begin() as connection:  # faster than a database of its own
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    yield server.url


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data", database_url)
    yield opened
    opened.close()
