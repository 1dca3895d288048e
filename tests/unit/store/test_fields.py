from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from allclient.contract import ReviewReason, Subtype
from allclient.errors import ImageRejectedError, NotFoundError, RefusedError, StoreError
from allclient.store import Store, answers, cases, cells, fields, integrity, urgency
from allclient.store.files import Incoming
from allclient.store.sight import EVERYTHING
from allclient.store.words import FieldState
from tests.unit.store.made import ANNA, accepted, picture, result, with_cells


@pytest.fixture
def case_id(store: Store) -> int:
    with store.write() as session:
        return cases.make(session, ANNA, "Marrow 12").id


def test_a_file_is_kept_by_its_content_and_waits_for_the_networks(
    store: Store, case_id: int
) -> None:
    field = accepted(store, case_id, picture())
    assert store.files.read(field.digest) == picture()
    with store.read() as session:
        assert [f.id for f in fields.waiting(session, limit=9)] == [field.id]


def test_the_same_file_again_is_recognised(store: Store, case_id: int) -> None:
    first = accepted(store, case_id, picture(), "a.png")
    with store.files.receive(10**6) as incoming:
        incoming.write(picture())
        incoming.finish()
        second, is_new = fields.accept(store, ANNA, case_id, "b.png", incoming)
    assert (second.id, second.name, is_new) == (first.id, "a.png", False)


def test_an_answer_comes_back_as_it_was(store: Store, case_id: int) -> None:
    given = result(Subtype.PRO_B, 0.6, (ReviewReason.DISAGREEMENT,))
    field_id = accepted(store, case_id, picture()).id
    assert fields.record_answer(store, field_id, given)
    with store.read() as session:
        field = fields.get(session, field_id)
    assert field.state == FieldState.ANSWERED.value
    assert field.answer is not None
    read = answers.result_of(field.answer)
    assert read == given
    np.testing.assert_allclose(read.heatmap, given.heatmap, atol=1e-4)


def test_answers_that_come_together_are_kept_together_but_for_what_is_gone(
    store: Store, case_id: int
) -> None:
    given = [with_cells(Subtype.PRO_B, Subtype.BENIGN), result(Subtype.BENIGN), result()]
    ids = [accepted(store, case_id, picture(number)).id for number in range(3)]
    fields.record_answer(store, ids[2], result(Subtype.EARLY_PRE_B))
    results = dict(zip([*ids, 99], [*given, result()], strict=True))
    assert fields.record_answers(store, results) == set(ids[:2])
    with store.read() as session:
        kept = [fields.get(session, field_id).answer for field_id in ids]
        assert [len(cells.of_field(session, field_id)) for field_id in ids] == [2, 0, 0]
        assert integrity.check(session) is None
    assert [one.subtype if one else "" for one in kept] == ["pre_b", "benign", "early_pre_b"]


def test_a_second_answer_changes_nothing(store: Store, case_id: int) -> None:
    field_id = accepted(store, case_id, picture()).id
    assert fields.record_answer(store, field_id, result(Subtype.PRO_B))
    assert not fields.record_answer(store, field_id, result(Subtype.BENIGN))
    assert not fields.record_failure(store, field_id, ImageRejectedError("truncated"))
    with store.read() as session:
        answer = fields.get(session, field_id).answer
    assert answer is not None
    assert answer.subtype == "pro_b"


def test_a_field_that_failed_says_why_and_is_read_again_on_request(
    store: Store, case_id: int
) -> None:
    field_id = accepted(store, case_id, picture()).id
    fields.record_failure(store, field_id, ImageRejectedError("cut off", code="image_truncated"))
    with store.write() as session:
        field = fields.get(session, field_id)
        assert (field.state, field.error_code) == ("failed", "image_truncated")
        fields.try_again(session, ANNA, field_id)
    fields.record_answer(store, field_id, result())
    with pytest.raises(RefusedError), store.write() as session:
        fields.try_again(session, ANNA, field_id)


def test_the_most_urgent_field_comes_first_and_verified_ones_last(
    store: Store, case_id: int
) -> None:
    given = [
        result(Subtype.BENIGN, 0.99),
        result(Subtype.PRE_B, 0.99),
        result(Subtype.BENIGN, 0.55, (ReviewReason.DISAGREEMENT, ReviewReason.LOW_CONFIDENCE)),
        result(Subtype.PRE_B, 0.9, (ReviewReason.FIRST_PAGE_ONLY,)),
    ]
    ids = [accepted(store, case_id, picture(number)).id for number in range(5)]
    for field_id, answer in zip(ids, given, strict=False):
        fields.record_answer(store, field_id, answer)
    fields.record_failure(store, ids[4], ImageRejectedError("cut off"))
    with store.read() as session:
        order = [field.id for field in fields.by_need(session, case_id, limit=9)]
        count = cases.counts(session, [case_id], EVERYTHING)[case_id]
    assert order == [ids[4], ids[2], ids[3], ids[1], ids[0]]
    assert (count.fields, count.answered, count.failed, count.review) == (5, 4, 1, 3)
    assert count.malignant == 2


def test_every_answer_that_asks_for_review_is_urgent() -> None:
    for reason in ReviewReason:
        assert urgency.urgency_of(result(review=(reason,))) >= urgency.REVIEW
    everything = result(probability=0.5, review=tuple(ReviewReason))
    assert urgency.urgency_of(everything) < urgency.FAILED
    assert urgency.urgency_of(result(probability=0.26)) < urgency.REVIEW


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\slides\\a.png", "a.png"),
        ("a\x00b\u202egnp.exe", "abgnp.exe"),
        ("folder/", "folder"),
        ("..", ".."),
        ("", "unnamed"),
        ("x" * 300 + ".png", "x" * 146 + ".png"),
        ("<script>alert(1)<", "<script>alert(1)<"),
    ],
)
def test_a_name_is_its_last_part_and_no_path(sent: str, shown: str) -> None:
    assert fields.shown_name(sent) == shown


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a" + bytes(20),
        b"%PDF-1.7",
    ],
)
def test_what_is_no_image_is_refused_by_its_content(store: Store, data: bytes) -> None:
    with store.files.receive(10**6) as incoming:
        incoming.write(data)
        with pytest.raises(RefusedError, match="JPEG, PNG"):
            incoming.finish()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WebP"])
def test_every_kind_that_the_server_reads_is_accepted(
    store: Store, case_id: int, form: str
) -> None:
    accepted(store, case_id, picture(form=form), "no ending")


def test_a_file_that_is_too_large_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    with store.files.receive(100) as incoming, pytest.raises(RefusedError, match="larger"):
        incoming.write(bytes(101))
    assert list((tmp_path / "data/incoming").iterdir()) == []


def test_a_file_that_rotted_on_the_disk_is_not_shown(
    store: Store, case_id: int, tmp_path: Path
) -> None:
    digest = accepted(store, case_id, picture()).digest
    place = tmp_path / "data/files" / digest[:2] / digest[2:4] / digest
    place.write_bytes(b"rotten")
    with pytest.raises(StoreError, match="damaged"):
        store.files.read(digest)


def test_a_digest_that_is_a_path_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.files.read("../../../etc/passwd")


def test_a_case_is_deleted_with_the_files_that_no_other_case_shows(
    store: Store, case_id: int
) -> None:
    with store.write() as session:
        other_id = cases.make(session, ANNA, "Marrow 13").id
    both = accepted(store, case_id, picture(1)).digest
    accepted(store, other_id, picture(1))
    alone = accepted(store, case_id, picture(2)).digest
    cases.delete(store, ANNA, case_id)
    assert store.files.exists(both)
    assert not store.files.exists(alone)
    with store.read() as session:
        assert cases.counts(session, [case_id, other_id], EVERYTHING)[other_id].fields == 1
        with pytest.raises(NotFoundError):
            cases.get(session, case_id)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_case_that_is_deleted_during_an_upload_keeps_no_file_of_it(
    store: Store, case_id: int, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    with store.write() as session:
        other = cases.make(session, ANNA, "another").id
    if elsewhere:
        accepted(store, other, picture())
    keep = store.files.keep

    def keep_and_delete(incoming: Incoming) -> None:
        keep(incoming)
        monkeypatch.undo()
        cases.delete(store, ANNA, case_id)

    monkeypatch.setattr(store.files, "keep", keep_and_delete)
    with pytest.raises(NotFoundError):
        accepted(store, case_id, picture())
    kept = [path for path in (store.folder / "files").rglob("*") if path.is_file()]
    assert len(kept) == elsewhere


def test_files_can_be_kept_at_any_fsspec_address(database_url: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "data", database_url, f"memory://{tmp_path.name}")
    with store.write() as session:
        case_id = cases.make(session, ANNA, "in memory").id
    digest = accepted(store, case_id, picture()).digest
    assert store.files.read(digest) == picture()
    cases.delete(store, ANNA, case_id)
    assert not store.files.exists(digest)
    store.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\nb"])
def test_a_case_has_a_name_that_can_be_shown(store: Store, name: str) -> None:
    with pytest.raises(RefusedError), store.write() as session:
        cases.make(session, ANNA, name)
