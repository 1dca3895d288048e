from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from allclient.errors import ConfigurationError
from allclient.store import Store, database
from allclient.store.schema import Base


def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    present, needed = database.revisions(store.engine)
    assert present == needed


def test_each_migration_follows_the_one_before() -> None:
    """Two branches that each add the next number meet in a merge without a conflict."""
    folder = Path(database.__file__).parent / "migrations" / "versions"
    last = None
    for number, path in enumerate(sorted(folder.glob("0*.py")), 1):
        found = dict(re.findall(r'^(\w+) = "?(\w+)"?$', path.read_text("utf-8"), re.M))
        assert path.name[:4] == found["revision"] == f"{number:04}", path.name
        assert found["down_revision"] == str(last), path.name
        last = found["revision"]


def test_migrations_go_down_and_up_again(store: Store) -> None:
    database.downgrade(store.engine, "base")
    assert inspect(store.engine).get_table_names() == ["alembic_version"]
    database.migrate(store.engine)
    assert set(Base.metadata.tables) <= set(inspect(store.engine).get_table_names())


def test_a_store_opens_again_with_what_is_in_it(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        Store(tmp_path / "data", database_url).close()


def test_a_postgresql_that_confirms_early_is_waited_for(store: Store) -> None:
    """The server of the tests has synchronous_commit off; a crash would lose what was accepted."""
    if store.engine.dialect.name != "postgresql":
        pytest.skip("of PostgreSQL alone")
    asked = text("SHOW synchronous_commit")
    with store.read() as session:
        assert session.scalar(asked) == "off"
    with store.write() as session:
        assert session.scalar(asked) == "on"
    with store.read() as session:
        assert session.scalar(asked) == "off"


def test_the_data_of_a_newer_program_is_left_alone(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="made by a newer allclient; update this one"):
        Store(tmp_path / "data", database_url)
    assert database.revisions(store.engine)[0] == "9999"


@pytest.mark.parametrize("url", ["no url", "mysql://root@127.0.0.1/x"])
def test_other_databases_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not a URL|SQLite or PostgreSQL"):
        Store(tmp_path, url)


def test_no_password_stands_in_the_message_of_a_database_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Store(tmp_path, "postgresql://reader:tell-nobody@127.0.0.1:1/none")
    assert "tell-nobody" not in str(caught.value)


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(ConfigurationError, match=r"taken.*--data"):
        Store(taken)
