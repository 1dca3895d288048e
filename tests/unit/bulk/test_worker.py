"""A plan and a worker without Ray: parts, what is left of them, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from allclient.bulk.asking import Asking
from allclient.bulk.engine import write_cases
from allclient.bulk.places import Place, remote
from allclient.bulk.plan import Plan, part_name
from allclient.bulk.schema import FIELDS, FIELDS_ALONE
from allclient.bulk.worker import Worker
from allclient.cases import CaseBy
from allclient.client.reading import read_image
from allclient.contract import MAX_IMAGE_BYTES
from allclient.errors import (
    ConfigurationError,
    ImageReadError,
    OutputError,
    ServerUnavailableError,
)
from allclient.report.rows import JSON_KEYS
from tests.unit.client.kserve import KServe

ASKED = {"paths": ["in"], "model": "all_ensemble"}


@pytest.fixture(params=["folder", "url"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(
        str(tmp_path / "out") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"
    )


def planned(place: Place, files: list[str], size: int = 2) -> Plan:
    Plan(place).make(files, ASKED, size)
    return Plan(place)


def worker(place: Place, server: KServe, **options: Any) -> Worker:
    return Worker(place.url, Asking("/", server.address, retry_for=0.0, **options))


def all_rows(plan: Plan) -> list[dict[str, Any]]:
    rows = [plan.answers(part, plan.files(part)) for part in range(plan.parts)]
    return [row for part in rows for row in part or ()]


def test_each_file_has_a_row_in_its_part(
    place: Place, server: KServe, write: Callable[..., list[str]]
) -> None:
    files = write(a="benign", b="cells", c="torn", d="review", e="benign")
    plan = planned(place, files)
    assert (plan.count, plan.parts) == (5, 3)
    assert plan.files(2) == files[4:]
    assert plan.left().parts == (0, 1, 2)
    one = worker(place, server)
    counted = [one({"part": part}) for part in range(3)]
    assert counted[1] == {
        "part": 1,
        "files": 2,
        "malignant": 1,
        "benign": 0,
        "review": 1,
        "failed": 1,
    }
    rows = all_rows(plan)
    assert [row["file"] for row in rows] == files
    assert [row["error"] and row["error"]["code"] for row in rows] == [
        None,
        None,
        "image_truncated",
        None,
        None,
    ]
    assert [len(row["cells"]) if row["cells"] is not None else None for row in rows] == [
        0,
        2,
        None,
        0,
        0,
    ]
    assert place.names("fields") == {part_name(part).split("/")[1] for part in range(3)}


def test_the_table_says_what_it_is(place: Place, server: KServe, write: Any) -> None:
    plan = planned(place, write(a="cells"))
    worker(place, server)({"part": 0})
    with place.reading(part_name(0)) as file:
        schema = pq.read_schema(file)
    assert schema.equals(FIELDS)
    assert b"never replace" in schema.metadata[b"notice"]
    assert plan.left() == dataclasses.replace(plan.left(), parts=(), classified=1)


def test_cells_are_asked_for_only_when_wanted(place: Place, server: KServe, write: Any) -> None:
    plan = planned(place, write(a="cells", b="torn"))
    worker(place, server, cells=False)({"part": 0})
    with place.reading(part_name(0)) as file:
        schema = pq.read_schema(file)
    assert schema.equals(FIELDS_ALONE)
    assert schema.metadata[b"cells"] == b"not asked for"
    assert "cells" not in schema.names
    answered, torn = all_rows(plan)
    assert (answered["label"], answered["leukocytes"]) == ("malignant", None)
    assert torn["error"]["code"] == "image_truncated"
    worker(place, server, cells=False)({"part": 0})  # tries the torn one again, in the same table
    assert len(all_rows(plan)) == 2
    assert write_cases(plan, CaseBy("folder")) == 1
    with place.reading("cases/cases.parquet") as file:
        (case,) = pq.read_table(file).to_pylist()
    assert (case["leukocytes"], case["malignant_share"]) == (None, None)


def test_a_run_of_before_asked_for_cells(place: Place, write: Any) -> None:
    plan = planned(place, write(a="benign"))
    plan.check(ASKED | {"cells": True})
    with pytest.raises(ConfigurationError, match="cells: True, now False"):
        plan.check(ASKED | {"cells": False})


def test_the_table_has_the_keys_of_json_lines_in_their_order() -> None:
    assert FIELDS.names[: len(JSON_KEYS)] == list(JSON_KEYS)
    assert FIELDS.names[len(JSON_KEYS) :] == ["cells", "model_version"]


def test_a_part_that_is_done_asks_nothing(place: Place, server: KServe, write: Any) -> None:
    planned(place, write(a="benign", b="cells"))
    one = worker(place, server)
    one({"part": 0})
    again = worker(place, server)({"part": 0})
    assert server.asked == 2
    assert again["files"] == 0


def test_what_failed_is_asked_again_and_nothing_else(
    place: Place, server: KServe, write: Any
) -> None:
    files = write(a="benign", b="torn", c="cells")
    plan = planned(place, [*files[:2], "/nowhere.png", files[2]], 4)
    one = worker(place, server)
    assert one({"part": 0})["failed"] == 2
    left = plan.left()
    assert (left.parts, left.classified) == ((0,), 2)
    write(b="review")
    assert one({"part": 0}) == {
        "part": 0,
        "files": 2,
        "malignant": 1,
        "benign": 0,
        "review": 1,
        "failed": 1,
    }
    assert server.asked == 4
    assert [row["file"] for row in all_rows(plan)] == [*files[:2], "/nowhere.png", files[2]]
    assert all_rows(plan)[2]["error"]["code"] == "file_not_found"


@pytest.mark.parametrize("torn", [b"", b"PAR1", b"PAR1 no table PAR1", b"x" * 1000])
def test_a_torn_part_is_done_again(place: Place, server: KServe, write: Any, torn: bytes) -> None:
    plan = planned(place, write(a="benign", b="cells"))
    place.write(part_name(0), torn)
    assert plan.left().parts == (0,)
    assert plan.left().classified == 0
    assert worker(place, server)({"part": 0})["files"] == 2
    assert len(all_rows(plan)) == 2


def test_answers_of_other_files_are_no_answers(place: Place, server: KServe, write: Any) -> None:
    files = write(a="benign", b="cells")
    planned(place, files)
    worker(place, server)({"part": 0})
    plan = planned(place, files[::-1])
    assert plan.answers(0, plan.files(0)) is None
    worker(place, server)({"part": 0})
    assert [row["file"] for row in all_rows(plan)] == files[::-1]


def test_a_server_that_is_away_ends_the_part_and_writes_nothing(
    place: Place, server: KServe, write: Any
) -> None:
    planned(place, write(a="benign", b="gone"))
    with pytest.raises(ServerUnavailableError) as caught:
        worker(place, server)({"part": 0})
    assert place.names("fields") == set()
    assert type(pickle.loads(pickle.dumps(caught.value))) is ServerUnavailableError


def test_names_that_are_no_text(place: Place, server: KServe, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes(b"benign")
    plan = planned(place, [os.fsdecode(name)])
    assert plan.files(0) == [os.fsdecode(name)]
    worker(place, server)({"part": 0})
    (row,) = all_rows(plan)
    assert row["error"] is None
    assert row["file"].endswith("/\\udcff.png")


def test_relative_paths_begin_where_the_command_was_given(
    place: Place, server: KServe, write: Any, tmp_path: Path
) -> None:
    write(a="benign")
    plan = planned(place, ["in/a.jpg"])
    Worker(place.url, Asking(str(tmp_path), server.address))({"part": 0})
    (row,) = all_rows(plan)
    assert (row["file"], row["label"]) == ("in/a.jpg", "benign")


def test_urls_are_fetched(place: Place, server: KServe) -> None:
    top = f"memory://{uuid.uuid4().hex}"
    with fsspec.open(f"{top}/a.png", "wb") as file:
        file.write(b"benign")
    plan = planned(place, [f"{top}/a.png", f"{top}/b.png"])
    worker(place, server)({"part": 0})
    rows = all_rows(plan)
    assert [row["file"] for row in rows] == [f"{top}/a.png", f"{top}/b.png"]
    assert rows[0]["label"] == "benign"
    assert rows[1]["error"] == {"code": "file_not_found", "message": "no such file"}


def test_of_a_large_object_only_the_start_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    top = f"memory://{uuid.uuid4().hex}"
    with fsspec.open(f"{top}/a.png", "wb") as file:
        file.write(b"x" * 100)
    monkeypatch.setattr("allclient.bulk.places.MAX_IMAGE_BYTES", 9)
    assert len(remote(f"{top}/a.png").fetch()) == 10
    assert MAX_IMAGE_BYTES > 100
    with fsspec.open(f"{top}/e.png", "wb"):
        pass
    with pytest.raises(ImageReadError, match="empty"):
        read_image(remote(f"{top}/e.png"))


def test_the_size_of_a_pixel_is_passed_on(place: Place, server: KServe, write: Any) -> None:
    plan = planned(place, write(a="benign"))
    worker(place, server, um_per_pixel=0.25)({"part": 0})
    assert all_rows(plan)[0]["um_per_pixel"] == 0.25


def test_another_question_is_no_resuming(place: Place, write: Any) -> None:
    plan = planned(place, write(a="benign"))
    plan.check(ASKED)
    with pytest.raises(ConfigurationError, match=r"model: 'all_ensemble', now 'all_cascade'"):
        plan.check({**ASKED, "model": "all_cascade"})


def test_a_list_that_was_not_finished_is_no_run(place: Place, write: Any) -> None:
    plan = Plan(place)

    def files() -> Any:
        yield "a"
        raise OSError("gone")

    with pytest.raises(OutputError, match="gone"):
        plan.make(files(), ASKED, 2)
    assert not plan.listed()
    assert not plan.exists()


def test_clearing_leaves_what_is_not_of_a_run(place: Place, server: KServe, write: Any) -> None:
    plan = planned(place, write(a="benign"))
    worker(place, server)({"part": 0})
    write_cases(plan, CaseBy("folder"))
    place.write("notes.txt", b"mine")
    plan.clear()
    assert not plan.exists()
    assert place.names("") == {"notes.txt"}
    assert place.names("cases") == set()


def test_a_file_that_is_no_run(place: Place) -> None:
    place.write("run.json", b"[]")
    with pytest.raises(ConfigurationError, match="not that of a run"):
        Plan(place).check(ASKED)


def test_cases_are_counted_over_all_parts(place: Place, server: KServe, write: Any) -> None:
    files = write(p__a="benign", q__a="cells", p__b="torn", q__b="review")
    plan = planned(place, files)
    for part in range(2):
        worker(place, server)({"part": part})
    assert write_cases(plan, CaseBy("{case}/*")) == 2
    with place.reading("cases/cases.parquet") as file:
        first, second = pq.read_table(file).to_pylist()
    assert (first["case"], first["fields"], first["failed"]) == ("p", 1, 1)
    assert (second["case"], second["leukocytes"], second["malignant_leukocytes"]) == ("q", 2, 1)
    assert json.dumps(first)


class TestPlaceHere:
    def test_a_write_that_fails_leaves_the_file_before_it(self, tmp_path: Path) -> None:
        place = Place(str(tmp_path))
        place.write("a/b", b"first")

        def half() -> None:
            with place.writing("a/b") as file:
                file.write(b"sec")
                raise OSError(28, "No space left on device")

        with pytest.raises(OutputError, match="No space left"):
            half()
        assert place.read("a/b") == b"first"
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]

    def test_hidden_files_are_not_named(self, tmp_path: Path) -> None:
        place = Place(str(tmp_path))
        place.write("a/b", b"")
        (tmp_path / "a" / ".b.123").write_bytes(b"left by a crash")
        assert place.names("a") == {"b"}

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OutputError, match="cannot be used"):
            Place(str(tmp_path / "file")).write("a", b"")
