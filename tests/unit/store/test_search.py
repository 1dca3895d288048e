from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allclient.contract import Label, ReviewReason, Subtype
from allclient.errors import ImageRejectedError
from allclient.store import Actor, Store, cases, export, fields, search, verifications
from allclient.store.schema import now
from allclient.store.search import Query
from allclient.store.sight import EVERYTHING
from allclient.store.words import FieldState, Verdict
from tests.unit.store.made import ANNA, BERT, accepted, picture, result

TODAY = now().date()


@pytest.fixture
def ids(store: Store) -> dict[str, int]:
    """Fields of two cases by what is special about them."""
    with store.write() as session:
        first, second = (cases.make(session, ANNA, name).id for name in ("Marrow 12", "Blood 7%"))
    made: dict[str, int] = {}

    def add(name: str, case_id: int, answer: Any) -> None:
        field = accepted(store, case_id, picture(len(made)), f"{name}.png")
        made[name] = field.id
        if isinstance(answer, ImageRejectedError):
            fields.record_failure(store, field.id, answer)
        elif answer is not None:
            fields.record_answer(store, field.id, answer)

    def verify(name: str, actor: Actor, subtype: Subtype | None) -> None:
        verdict = Verdict.UNUSABLE if subtype is None else Verdict.CORRECTED
        with store.write() as session:
            seen = fields.get(session, made[name]).version
            verifications.verify(
                session, actor, made[name], seen=seen, verdict=verdict, subtype=subtype
            )

    add("benign", first, result(Subtype.BENIGN))
    add("sure", first, result(Subtype.PRE_B))
    add("doubtful", first, result(Subtype.PRO_B, 0.6, (ReviewReason.DISAGREEMENT,)))
    add("broken", first, ImageRejectedError("cut off"))
    add("waiting", second, None)
    add("corrected", second, result(Subtype.PRE_B))
    add("disputed", second, result(Subtype.EARLY_PRE_B))
    add("=unusable", second, result(Subtype.PRE_B))
    verify("corrected", ANNA, Subtype.BENIGN)
    verify("disputed", ANNA, Subtype.BENIGN)
    verify("disputed", BERT, Subtype.PRE_B)
    verify("=unusable", BERT, None)
    return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (Query(), "benign sure doubtful broken waiting corrected disputed =unusable"),
        (Query(text="MARROW"), "benign sure doubtful broken"),
        (Query(text="7%"), "waiting corrected disputed =unusable"),
        (Query(text="%"), "waiting corrected disputed =unusable"),
        (Query(text="doubt"), "doubtful"),
        (Query(label=Label.BENIGN), "benign corrected"),
        (Query(label=Label.MALIGNANT), "sure doubtful disputed =unusable"),
        (Query(subtype=Subtype.PRE_B), "sure disputed =unusable"),
        (Query(reason=ReviewReason.DISAGREEMENT), "doubtful"),
        (Query(reason=ReviewReason.NO_LEUKOCYTES), ""),
        (Query(verdict=Verdict.UNUSABLE), "=unusable"),
        (Query(open=True), "benign sure doubtful broken waiting"),
        (Query(open=True, review=True), "doubtful broken"),
        (Query(disputed=True), "disputed"),
        (Query(state=FieldState.FAILED), "broken"),
        (Query(reader="anna"), "corrected disputed"),
        (Query(reader="Bert", verdict=Verdict.CORRECTED), "disputed"),
        (Query(since=TODAY, until=TODAY, state=FieldState.WAITING), "waiting"),
        (Query(until=TODAY - timedelta(days=1)), ""),
        (Query(since=TODAY + timedelta(days=1)), ""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_query_finds_what_fits_and_nothing_else(
    store: Store, ids: dict[str, int], query: Query, names: str
) -> None:
    with store.read() as session:
        found = {field.id for field in search.find(session, query, EVERYTHING, limit=99)}
        counted = search.count(session, query, EVERYTHING)
        every = {field.id for field in search.every(session, query, EVERYTHING)}
    assert found == every == {ids[name] for name in names.split()}
    assert counted == len(found)


def test_the_worklist_begins_with_what_is_most_urgent(store: Store, ids: dict[str, int]) -> None:
    with store.read() as session:
        found = search.find(session, Query(open=True), EVERYTHING, limit=2)
    assert [field.id for field in found] == [ids["broken"], ids["doubtful"]]


def test_every_goes_through_more_than_one_batch(
    store: Store, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BATCH", 3)
    with store.read() as session:
        assert [field.id for field in search.every(session, Query(), EVERYTHING)] == sorted(
            ids.values()
        )


def test_csv_and_json_lines_say_the_same(store: Store, ids: dict[str, int]) -> None:
    with store.read() as session:
        table = "".join(export.as_csv(search.every(session, Query(), EVERYTHING)))
        lines = "".join(export.as_jsonl(search.every(session, Query(), EVERYTHING)))
    rows = list(csv.DictReader(io.StringIO(table)))
    records = [json.loads(line) for line in lines.splitlines()]
    assert [int(row["field"]) for row in rows] == [record["field"] for record in records]
    by_id = {record["field"]: record for record in records}
    disputed = by_id[ids["disputed"]]
    assert (disputed["subtype"], disputed["verified_subtype"]) == ("early_pre_b", "pre_b")
    assert disputed["verified_by"] == "Bert"
    assert by_id[ids["doubtful"]]["review"] == ["disagreement"]
    assert list(records[0]) == list(export.COLUMNS)


def test_a_spreadsheet_computes_nothing_that_a_person_wrote(
    store: Store, ids: dict[str, int]
) -> None:
    with store.read() as session:
        table = "".join(export.as_csv(search.every(session, Query(text="=unus"), EVERYTHING)))
        lines = "".join(export.as_jsonl(search.every(session, Query(text="=unus"), EVERYTHING)))
    assert next(csv.DictReader(io.StringIO(table)))["name"] == "'=unusable.png"
    assert json.loads(lines)["name"] == "=unusable.png"


def test_a_data_set_holds_what_people_said_and_training_reads_it(
    store: Store, ids: dict[str, int], tmp_path: Path
) -> None:
    target = io.BytesIO()
    with store.read() as session:
        written = export.write_dataset(
            search.every(session, Query(), EVERYTHING), store.files, target
        )
    folder = tmp_path / "set"
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    assert written == 2
    assert (folder / f"benign/field-{ids['corrected']}.png").read_bytes() == picture(5)
    layouts = pytest.importorskip("training.data.layouts", reason="needs the extra train")
    patients = pytest.importorskip("training.data.patients", reason="needs the extra train")
    found = layouts.find(folder)
    assert found.layout == "classes"
    samples = patients.identified(found.samples, folder, folder / "patients.csv")
    assert {(s.path.name, s.patient) for s in samples} == {
        (f"field-{ids['corrected']}.png", "case-2"),
        (f"field-{ids['disputed']}.png", "case-2"),
    }
