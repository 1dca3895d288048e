from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allclient.cell import Cell
from allclient.contract import Backbone, ReviewReason, Subtype
from allclient.errors import ConfigurationError, ImageRejectedError
from allclient.report import Csv, FileOutput, JsonLines, Row, StreamOutput, Table, row_of
from allclient.report.formats import guard_cell, printable, unguard_cell
from allclient.result import Outcome, Result

PROBABILITIES = dict(zip(Subtype, (0.0504, 0.1, 0.8, 0.0496), strict=True))
RESULT = Result(
    label=Subtype.PRE_B.label,
    subtype=Subtype.PRE_B,
    probabilities=PROBABILITIES,
    backbone_probabilities=dict.fromkeys(Backbone, PROBABILITIES),
    votes=dict(zip(Backbone, (Subtype.PRE_B, Subtype.PRO_B, Subtype.PRE_B), strict=True)),
    review=(ReviewReason.LOW_CONFIDENCE, ReviewReason.POOR_QUALITY),
    ood_score=0.25,
    heatmap=np.zeros((7, 7), np.float32),
)

BENIGN_CELL = Cell(
    x=0.5, y=0.5, width=0.1, height=0.2, area_share=0.4, agreement=1.0,
    probabilities=dict(zip(Subtype, (0.7, 0.1, 0.1, 0.1), strict=True)),
)  # fmt: skip
MALIGNANT_CELL = replace(BENIGN_CELL, probabilities=PROBABILITIES, area_share=0.6)


def good(file: str) -> Row:
    return row_of(Outcome(file, RESULT))


def bad(file: str) -> Row:
    return row_of(Outcome(file, error=ImageRejectedError("ends early", code="image_truncated")))


def test_json_line() -> None:
    line = JsonLines().line(good("a/\u00e4.jpg"))
    assert line.endswith(b"}\n")
    assert "\u00e4".encode() in line
    assert list(json.loads(line).items()) == [
        ("file", "a/\u00e4.jpg"),
        ("label", "malignant"),
        ("subtype", "pre_b"),
        ("probability", 0.9496),
        ("probabilities", {"benign": 0.0504, "early_pre_b": 0.1, "pre_b": 0.8, "pro_b": 0.0496}),
        ("votes", {"mobilenet": "pre_b", "xception": "pro_b", "inception_v3": "pre_b"}),
        ("review", ["low_confidence", "poor_quality"]),
        ("ood_score", 0.25),
        ("error", None),
        ("leukocytes", None),
        ("malignant_leukocytes", None),
        ("um_per_pixel", None),
        ("release", None),
    ]


def test_json_line_of_a_failure() -> None:
    record = json.loads(JsonLines().line(bad("x.jpg")))
    assert record.pop("error") == {"code": "image_truncated", "message": "ends early"}
    assert record.pop("file") == "x.jpg"
    assert set(record.values()) == {None}
    assert len(record) == 11


def test_csv() -> None:
    form = Csv()
    text = (form.head() + form.line(good("a.jpg")) + form.line(bad("b.jpg"))).decode()
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {
        "file": "a.jpg",
        "label": "malignant",
        "subtype": "pre_b",
        "probability": "0.949600",
        "probability_benign": "0.050400",
        "probability_early_pre_b": "0.100000",
        "probability_pre_b": "0.800000",
        "probability_pro_b": "0.049600",
        "vote_mobilenet": "pre_b",
        "vote_xception": "pro_b",
        "vote_inception_v3": "pre_b",
        "review": "low_confidence;poor_quality",
        "ood_score": "0.250000",
        "error_code": "",
        "error_message": "",
        "leukocytes": "",
        "malignant_leukocytes": "",
        "um_per_pixel": "",
        "release": "",
    }
    assert (second["file"], second["error_code"], second["error_message"]) == (
        "b.jpg",
        "image_truncated",
        "ends early",
    )
    assert second["label"] == second["probability"] == second["ood_score"] == ""


def test_the_release_is_named() -> None:
    row = row_of(Outcome("a.jpg", replace(RESULT, release="3f2a9c1d44ab")))
    assert json.loads(JsonLines().line(row))["release"] == "3f2a9c1d44ab"
    assert Csv().line(row).decode().rstrip().endswith(",,,3f2a9c1d44ab")


def test_leukocytes_are_counted_where_cells_were_asked_for() -> None:
    row = row_of(Outcome("a.jpg", replace(RESULT, cells=(MALIGNANT_CELL, BENIGN_CELL))))
    assert (row.leukocytes, row.malignant_leukocytes) == (2, 1)
    record = json.loads(JsonLines().line(row))
    assert (record["leukocytes"], record["malignant_leukocytes"]) == (2, 1)
    form = Csv()
    (cells,) = csv.DictReader(io.StringIO((form.head() + form.line(row)).decode()))
    assert (cells["leukocytes"], cells["malignant_leukocytes"]) == ("2", "1")
    none = row_of(Outcome("a.jpg", replace(RESULT, cells=())))
    assert (none.leukocytes, none.malignant_leukocytes) == (0, 0)


@pytest.mark.parametrize("size", [0.25, 0.0645, 1.0, 0.00001])
def test_the_size_of_a_pixel_stands_in_the_row_as_it_is(size: float) -> None:
    row = row_of(Outcome("a.jpg", replace(RESULT, um_per_pixel=size)))
    assert json.loads(JsonLines().line(row))["um_per_pixel"] == size
    form = Csv()
    (cells,) = csv.DictReader(io.StringIO((form.head() + form.line(row)).decode()))
    assert float(cells["um_per_pixel"]) == size


FILE_NAMES = st.text(st.characters(codec=None), min_size=1).filter(lambda name: "\0" not in name)


@given(FILE_NAMES)
def test_any_file_name_stays_valid_json_and_comes_back(name: str) -> None:
    form = JsonLines()
    for row, classified in ((good(name), True), (bad(name), False)):
        line = form.line(row)
        assert line.decode("utf-8").count("\n") == 1
        assert form.read(line) == (name, classified)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_file_name_comes_back_from_csv(name: str) -> None:
    form = Csv()
    assert form.read(form.line(good(name))) == (name, True)
    assert form.read(form.line(bad(name))) == (name, False)


def test_bytes_that_are_no_utf8() -> None:
    name = "scan-\udcff.jpg"  # as Python reads the byte 0xff in a name
    assert rb"scan-\udcff.jpg" in JsonLines().line(good(name))
    assert rb"scan-\udcff.jpg" in Csv().line(good(name))
    assert rb"scan-\udcff.jpg" in Table().line(good(name))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "'=1"])
def test_csv_cell_is_never_a_formula(text: str) -> None:
    assert guard_cell(text) == "'" + text
    assert unguard_cell(guard_cell(text)) == text


@given(st.text())
def test_guarded_cell_comes_back(text: str) -> None:
    assert unguard_cell(guard_cell(text)) == text


def test_table_is_aligned_and_shows_all_columns() -> None:
    form = Table()
    head, row, failed = (
        data.decode() for data in (form.head(), form.line(good("a.jpg")), form.line(bad("b.jpg")))
    )
    assert ",".join(head.split()) == (
        "LABEL,SUBTYPE,PROB,BENIGN,EARLY_PRE_B,PRE_B,PRO_B,MOBILENET,XCEPTION,INCEPTION_V3,"
        "OOD,REVIEW,FILE"
    )
    assert " ".join(row.split()) == (
        "malignant pre_b 0.949 0.050 0.100 0.800 0.049 pre_b pro_b pre_b 0.250 "
        "low_confidence,poor_quality a.jpg"
    )
    assert re.fullmatch(r"failed( +-)+ +b\.jpg  image_truncated: ends early\n", failed)
    assert head.index("OOD") == row.index("0.250")
    assert head.index("FILE") == failed.index("b.jpg")


def test_compact_table() -> None:
    head = Table(compact=True).head().decode()
    assert head.split() == ["LABEL", "SUBTYPE", "PROB", "OOD", "REVIEW", "FILE"]


def test_a_name_cannot_steer_the_terminal() -> None:
    line = Table().line(good("a\x1b[2J\nb\u202e.jpg"))
    assert b"\x1b" not in line
    assert line.count(b"\n") == 1
    assert rb"a\x1b[2J\nb\u202e.jpg" in line
    assert printable("\u00e4 b") == "\u00e4 b"


def test_stream_output() -> None:
    stream = io.BytesIO()
    output = StreamOutput(stream, Csv())
    output.write(good("a.jpg"))
    assert not output.is_done("a.jpg")
    assert stream.getvalue().count(b"\n") == 2


FORMS = pytest.mark.parametrize("form", [JsonLines, Csv])


def files_in(path: Path, form: object) -> list[tuple[str, bool]]:
    data = path.read_bytes()
    if isinstance(form, JsonLines):
        return [form.read(line) for line in data.splitlines(keepends=True)]
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return [(unguard_cell(row["file"]), not row["error_code"]) for row in rows]


@FORMS
def test_file_appears_only_when_whole(tmp_path: Path, form: type[JsonLines | Csv]) -> None:
    path = tmp_path / "out"
    output = FileOutput(path, form())
    output.write(good("a.jpg"))
    assert not path.exists()
    assert files_in(output.partial, form()) == [("a.jpg", True)]  # on disk already
    output.finish()
    assert files_in(path, form()) == [("a.jpg", True)]
    assert list(tmp_path.iterdir()) == [path]


@FORMS
def test_resume_of_an_interrupted_run(tmp_path: Path, form: type[JsonLines | Csv]) -> None:
    path = tmp_path / "out"
    first = FileOutput(path, form())
    for row in (good("a\nb.jpg"), bad("b.jpg"), bad("gone.jpg"), good("=c.jpg")):
        first.write(row)
    assert first.abandon() == str(path) + ".partial"
    with first.partial.open("ab") as file:
        file.write(form().line(good('torn "quoted\n name.jpg'))[:-30])

    second = FileOutput(path, form(), resume=True)
    assert second.resumed == 2
    done = [second.is_done(name) for name in ("a\nb.jpg", "=c.jpg", "b.jpg", "torn.jpg", "new.jpg")]
    assert done == [True, True, False, False, False]
    second.write(good("b.jpg"))
    second.write(good("new.jpg"))
    second.finish()
    # b.jpg has its new row alone; gone.jpg was not asked for again and keeps its failure.
    assert files_in(path, form()) == [
        ("a\nb.jpg", True),
        ("gone.jpg", False),
        ("=c.jpg", True),
        ("b.jpg", True),
        ("new.jpg", True),
    ]
    assert list(tmp_path.iterdir()) == [path]


@FORMS
@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_resume_after_any_tear(tmp_path: Path, form: type[JsonLines | Csv], cut: int) -> None:
    path = tmp_path / "out"
    partial = tmp_path / "out.partial"
    first = FileOutput(path, form())
    first.write(good("a.jpg"))
    first.write(good("b.jpg"))
    first.abandon()
    whole = partial.read_bytes()
    partial.write_bytes(whole[: max(1, len(whole) - 1 - cut * 7)])
    second = FileOutput(path, form(), resume=True)
    for name in ("a.jpg", "b.jpg"):
        if not second.is_done(name):
            second.write(good(name))
    second.finish()
    assert path.read_bytes() == whole


@FORMS
def test_resume_of_a_finished_run_leaves_it_until_the_new_one_is_whole(
    tmp_path: Path, form: type[JsonLines | Csv]
) -> None:
    path = tmp_path / "out"
    first = FileOutput(path, form())
    first.write(good("a.jpg"))
    first.write(bad("b.jpg"))
    first.finish()
    before = path.read_bytes()

    second = FileOutput(path, form(), resume=True)
    second.write(bad("b.jpg"))
    assert path.read_bytes() == before
    second.abandon()

    third = FileOutput(path, form(), resume=True)
    assert third.is_done("a.jpg")
    third.write(good("b.jpg"))
    third.finish()
    assert files_in(path, form()) == [("a.jpg", True), ("b.jpg", True)]


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_two_runs_do_not_write_one_file(tmp_path: Path, how: str) -> None:
    """They would tear each other's rows; a run that is over, or was killed, holds nothing."""
    first = FileOutput(tmp_path / "answers.csv", Csv())
    first.write(row_of(Outcome("a.jpg", RESULT)))
    with pytest.raises(ConfigurationError, match=r"another run writes '.*answers\.csv\.partial'"):
        FileOutput(tmp_path / "answers.csv", Csv(), **{how: True})
    first.write(row_of(Outcome("b.jpg", RESULT)))
    first.finish()
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 3
    FileOutput(tmp_path / "answers.csv", Csv(), **{how: True}).abandon()


def test_resume_of_nothing_begins(tmp_path: Path) -> None:
    output = FileOutput(tmp_path / "out.csv", Csv(), resume=True)
    output.write(good("a.jpg"))
    output.finish()
    assert files_in(tmp_path / "out.csv", Csv()) == [("a.jpg", True)]


@pytest.mark.parametrize(("first", "second"), [(JsonLines, Csv), (Csv, JsonLines)])
def test_formats_are_never_mixed(tmp_path: Path, first: type, second: type) -> None:
    path = tmp_path / "out"
    output = FileOutput(path, first())
    output.write(good("a.jpg"))
    output.finish()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="rows of the format asked for"):
        FileOutput(path, second(), resume=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_foreign_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.jsonl"
    path.write_text('{"dear": "colleague"}\n')
    with pytest.raises(ConfigurationError):
        FileOutput(path, JsonLines(), resume=True)
    assert path.read_text() == '{"dear": "colleague"}\n'


def test_table_cannot_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(ConfigurationError, match="table cannot be resumed"):
        FileOutput(tmp_path / "out", Table(), resume=True)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="--resume goes on with it, --overwrite replaces"):
        FileOutput(path, Csv())
    output = FileOutput(path, Csv(), overwrite=True)
    assert path.read_text() == "precious"
    with pytest.raises(ConfigurationError, match="exists"):
        FileOutput(path, Csv())
    output.finish()
    assert path.read_bytes() == Csv().head()


def test_leftover_of_an_interrupted_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    first = FileOutput(path, Csv())
    first.write(good("a.jpg"))
    first.abandon()
    with pytest.raises(ConfigurationError, match=r"earlier run left .*out\.csv\.partial"):
        FileOutput(path, Csv())


@FORMS
@pytest.mark.parametrize(
    ("before", "options"),
    [
        ("nothing", {}),
        *product(("nothing", "finished", "partial"), ({"resume": True}, {"overwrite": True})),
    ],
)
def test_a_run_without_a_row_leaves_things_as_they_were(
    tmp_path: Path, form: type[JsonLines | Csv], options: dict[str, bool], before: str
) -> None:
    path = tmp_path / "out"
    if before != "nothing":
        earlier = FileOutput(path, form())
        earlier.write(good("a.jpg"))
        _ = earlier.finish() if before == "finished" else earlier.abandon()
    there = {file: file.read_bytes() for file in tmp_path.iterdir()}
    output = FileOutput(path, form(), **options)
    kept = before == "partial" and "resume" in options
    assert output.abandon() == (f"{path}.partial" if kept else None)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == there


def test_a_partial_without_rows_is_no_hindrance(tmp_path: Path) -> None:
    """As a run leaves it that is killed before its first row."""
    (tmp_path / "out.csv.partial").touch()
    second = FileOutput(tmp_path / "out.csv", Csv(), resume=True)
    second.write(good("a.jpg"))
    second.finish()
    assert files_in(tmp_path / "out.csv", Csv()) == [("a.jpg", True)]


def test_overwriting_takes_the_place_of_an_earlier_partial(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    first = FileOutput(path, Csv())
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        first.write(good(name))
    first.abandon()
    second = FileOutput(path, Csv(), overwrite=True)
    second.write(good("d.jpg"))
    second.finish()
    assert files_in(path, Csv()) == [("d.jpg", True)]


def test_the_head_comes_with_the_first_row() -> None:
    stream = io.BytesIO()
    output = StreamOutput(stream, Table())
    assert stream.getvalue() == b""
    for name in ("a.jpg", "b.jpg"):
        output.write(good(name))
    assert stream.getvalue().startswith(b"LABEL ")
    assert stream.getvalue().count(b"LABEL ") == 1


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot write .*none.*: No such file"):
        FileOutput(tmp_path / "none" / "out.csv", Csv())


def test_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.touch()
    link.symlink_to(target)
    FileOutput(link, Csv(), overwrite=True).finish()
    assert link.is_symlink()
    assert target.read_bytes() == Csv().head()
