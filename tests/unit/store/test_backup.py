from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from allclient.contract import Subtype
from allclient.errors import AllclientError, ConfigurationError, StoreError
from allclient.store import SYSTEM, Store, audit, backup, cases, cells, fields, integrity, users
from allclient.store.schema import Base
from allclient.store.words import Role
from tests.unit.store.made import ANNA, accepted, picture, with_cells


def fill(store: Store) -> int:
    """A case of three fields, and a person; the id of the case."""
    with store.write() as session:
        users.add(session, SYSTEM, "Anna", "hash", Role.ADMIN)
        case_id = cases.make(session, ANNA, "Märrow 12").id
    for number in range(3):
        field_id = accepted(store, case_id, picture(number)).id
        fields.record_answer(store, field_id, with_cells(Subtype.PRE_B, Subtype.BENIGN))
    with store.write() as session:
        cell = cells.by_subtype(session, case_id, Subtype.PRE_B, limit=1)[0]
        cells.correct(session, ANNA, cell.id, seen=1, subtype=Subtype.BENIGN)
    return case_id


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as session:
        return {
            table.name: sorted(tuple(row) for row in session.execute(select(table)))
            for table in backup.tables()
        }


def test_a_backup_restores_everything_and_goes_on_counting(store: Store, tmp_path: Path) -> None:
    case_id = fill(store)
    assert backup.write(store, tmp_path / "backup") == 3
    again = Store(tmp_path / "again")
    assert backup.restore(again, tmp_path / "backup") == 3
    assert everything(again) == everything(store)
    assert again.files.read(accepted(again, case_id, picture(1)).digest) == picture(1)
    assert accepted(again, case_id, picture(9)).id == 4
    with again.read() as session:
        assert integrity.check(session) is None
    again.close()


def test_a_backup_moves_a_store_to_this_kind_of_database(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    case_id = fill(other)
    backup.write(other, tmp_path / "backup")
    backup.restore(store, tmp_path / "backup")
    assert everything(store) == everything(other)
    assert accepted(store, case_id, picture(9)).id == 4
    other.close()


def test_a_second_backup_copies_only_what_is_new(store: Store, tmp_path: Path) -> None:
    case_id = fill(store)
    backup.write(store, tmp_path / "backup")
    files = list((tmp_path / "backup/files").rglob("*"))
    times = {path: path.stat().st_mtime_ns for path in files if path.is_file()}
    accepted(store, case_id, picture(9))
    assert backup.write(store, tmp_path / "backup") == 4
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("tables/audit.jsonl", '"Anna"', '"Mallory"'),
        ("tables/corrections.jsonl", '"benign"', '"pro_b"'),
        ("backup.json", '"head": "', '"head": "9'),
    ],
)
def test_a_backup_that_was_changed_is_not_restored(
    store: Store, tmp_path: Path, name: str, old: str, new: str
) -> None:
    other = Store(tmp_path / "other")
    fill(other)
    backup.write(other, tmp_path / "backup")
    other.close()
    path = tmp_path / "backup" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(StoreError, match="does not hold"):
        backup.restore(store, tmp_path / "backup")
    with store.read() as session:
        assert users.is_empty(session)
        assert audit.head(session).number == 0


def test_a_damaged_or_missing_image_is_named(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    fill(other)
    backup.write(other, tmp_path / "backup")
    other.close()
    image = next(path for path in (tmp_path / "backup/files").rglob("*") if path.is_file())
    image.write_bytes(b"rotten")
    with pytest.raises(AllclientError, match="damaged"):
        backup.restore(store, tmp_path / "backup")
    with store.read() as session:
        assert users.is_empty(session)


def test_a_store_with_data_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    fill(store)
    backup.write(store, tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="empty store"):
        backup.restore(store, tmp_path / "backup")


def test_a_folder_that_is_no_backup_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no whole backup"):
        backup.restore(store, tmp_path)


def test_secrets_are_not_in_a_backup() -> None:
    left_out = set(Base.metadata.tables) - {table.name for table in backup.tables()}
    assert left_out == {"secrets"}
