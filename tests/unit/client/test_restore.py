"""Answers that Excel, Notepad or PowerShell saved can be resumed, or the message says why not."""

from __future__ import annotations

import codecs
import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from allclient.errors import ConfigurationError
from allclient.report import Csv, FileOutput, JsonLines
from allclient.report.formats import CSV_COLUMNS
from tests.unit.client.test_report import bad, files_in, good

FIRST_RUN = [good("a, b.jpg"), bad("torn.jpg"), good('Größe "2".jpg'), good("=two\nlines.jpg")]
MARK = "\ufeff"


def written(path: Path, form: Csv | JsonLines) -> bytes:
    output = FileOutput(path, form)
    for row in FIRST_RUN:
        output.write(row)
    output.finish()
    return path.read_bytes()


def as_excel(data: bytes, delimiter: str, comma: str = ".") -> str:
    """The same table as a spreadsheet saves it; numbers as its language writes them."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    for row in rows[1:]:
        row[3:8] = [cell.replace(".", comma) for cell in row[3:8]]
        for index in (12, 17):
            row[index] = row[index].replace(".", comma)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def with_mark(text: str) -> bytes:
    return (MARK + text).encode()


TABLES = {
    "Excel": lambda data: with_mark(as_excel(data, ",")),
    "Excel, German": lambda data: with_mark(as_excel(data, ";", ",")),
    "Excel, Unicode text": lambda data: (MARK + as_excel(data, "\t", ",")).encode("utf-16-le"),
    "rows without their empty end": lambda data: "\r\n".join(
        line.rstrip(";") for line in as_excel(data, ";").split("\r\n")
    ).encode(),
    "rows that are empty": lambda data: (as_excel(data, ";") + ";" * 14 + "\r\n").encode(),
    "PowerShell": lambda data: as_excel(data, ",").encode("utf-16"),
    "only the line ends": lambda data: as_excel(data, ",").encode(),
}
LINES = {
    "Notepad": lambda data: with_mark(data.decode()),
    "PowerShell": lambda data: data.decode().replace("\n", "\r\n").encode("utf-16"),
    "big-endian": lambda data: codecs.BOM_UTF16_BE + data.decode().encode("utf-16-be"),
    "UTF-16 without a mark": lambda data: data.decode().encode("utf-16-le"),
    "empty lines": lambda data: with_mark(data.decode().replace("\n", "\r\n\r\n")),
}
SAVED = [(Csv, how) for how in TABLES] + [(JsonLines, how) for how in LINES]


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize(("form", "how"), SAVED)
def test_resumed(tmp_path: Path, form: type[Csv | JsonLines], how: str, partial: bool) -> None:
    path = tmp_path / "answers"
    before = written(path, form())
    saved = (TABLES if form is Csv else LINES)[how](before)
    path.write_bytes(saved)
    if partial:
        path.rename(tmp_path / "answers.partial")
    output = FileOutput(path, form(), resume=True)
    assert output.resumed == 3
    assert [output.is_done(row.file) for row in FIRST_RUN] == [True, False, True, True]
    if not partial:
        assert path.read_bytes() == saved  # as it was, until the new one is whole
    output.write(good("torn.jpg"))
    output.finish()
    assert sorted(files_in(path, form())) == sorted((row.file, True) for row in FIRST_RUN)
    # Nothing of the other program is left in it.
    assert path.read_bytes().startswith(before[:100])
    assert [name.name for name in tmp_path.iterdir()] == ["answers"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.encode("cp1252"), "it is not UTF-8: in Excel, save it as 'CSV UTF-8'"),
        (lambda text: text.replace("label", "Label", 1).encode(), "does not name the columns"),
        (lambda text: text.replace("0.949600", "95%", 1).encode(), "row 2: could not convert"),
        (lambda text: text.replace("\r\n", ";x;x\r\n", 2).encode(), "its first line does not"),
        (
            lambda text: "\r\n".join([*text.split("\r\n")[:2], "x;" * 20, ""]).encode(),
            "row 3: ",
        ),
    ],
)
def test_what_cannot_be_read_back_is_told_and_left_alone(
    tmp_path: Path, change: object, reason: str
) -> None:
    path = tmp_path / "answers.csv"
    text = as_excel(written(path, Csv()), ";")
    saved = change(text)  # type: ignore[operator]
    path.write_bytes(saved)
    with pytest.raises(ConfigurationError) as caught:
        FileOutput(path, Csv(), resume=True)
    assert reason in str(caught.value)
    assert "resume with the --format of the first run" in str(caught.value)
    assert path.read_bytes() == saved
    assert list(tmp_path.iterdir()) == [path]  # and nothing is left beside it


def test_a_last_row_that_is_torn_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    data = written(path, JsonLines())
    path.write_bytes(codecs.BOM_UTF8 + data.rstrip(b"\n"))
    output = FileOutput(path, JsonLines(), resume=True)
    assert output.resumed == 2
    assert not output.is_done(FIRST_RUN[-1].file)


def test_wrong_line_of_json_lines_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    first, *_ = written(path, JsonLines()).splitlines(keepends=True)
    path.write_bytes(codecs.BOM_UTF8 + first + b'{"dear": "colleague"}\n' + first)
    with pytest.raises(ConfigurationError, match="row 2: not a line of allclient's JSON Lines"):
        FileOutput(path, JsonLines(), resume=True)


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    output = FileOutput(path, Csv())
    output.write(replace(good("a.jpg"), um_per_pixel=0.25))
    output.finish()
    path.write_bytes((MARK + as_excel(path.read_bytes(), ";", ",")).encode())
    FileOutput(path, Csv(), resume=True).finish()
    first = next(csv.DictReader(path.open(newline="", encoding="utf-8")))
    assert list(first) == list(CSV_COLUMNS)
    assert first["um_per_pixel"] == "0.25"
    assert (first["probability"], first["ood_score"]) == ("0.949600", "0.250000")
    assert json.loads(first["probability_pre_b"]) == 0.8


OLD_CSV = (
    b"file,label,subtype,probability,probability_benign,probability_early_pre_b,probability_pre_b,"
    b"probability_pro_b,vote_mobilenet,vote_xception,vote_inception_v3,review,ood_score,error_code,"
    b"error_message\n"
    b"a.jpg,benign,benign,0.900000,0.900000,0.050000,0.030000,0.020000,benign,benign,benign,,"
    b"0.100000,,\n"
    b'torn.jpg,,,,,,,,,,,,,image_truncated,"ends, early"\n'
)
OLD_JSON = (
    b'{"file": "a.jpg", "label": "benign", "subtype": "benign", "probability": 0.9, '
    b'"probabilities": {"benign": 0.9, "early_pre_b": 0.05, "pre_b": 0.03, "pro_b": 0.02}, '
    b'"votes": {"mobilenet": "benign", "xception": "benign", "inception_v3": "benign"}, '
    b'"review": [], "ood_score": 0.1, "error": null}\n'
)


@pytest.mark.parametrize("name", ["answers.csv", "answers.csv.partial"])
def test_the_csv_of_version_0_2_goes_on_with_more_columns(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OLD_CSV)
    output = FileOutput(tmp_path / "answers.csv", Csv(), resume=True)
    assert output.is_done("a.jpg")
    assert not output.is_done("torn.jpg")
    output.write(good("torn.jpg"))
    output.finish()
    first, second = csv.DictReader(io.StringIO((tmp_path / "answers.csv").read_text()))
    assert list(first) == list(CSV_COLUMNS)
    assert (first["file"], first["ood_score"], first["leukocytes"]) == ("a.jpg", "0.100000", "")
    assert (second["file"], second["label"]) == ("torn.jpg", "malignant")


def test_the_json_lines_of_version_0_2_go_on(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(OLD_JSON)
    output = FileOutput(path, JsonLines(), resume=True)
    assert output.is_done("a.jpg")
    output.write(good("b.jpg"))
    output.finish()
    old, new = path.read_bytes().splitlines(keepends=True)
    assert old == OLD_JSON
    assert json.loads(new)["leukocytes"] is None
