"""Cells, cases, annotated fields and the report of ``allclient classify``."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from allclient.cli import streams
from allclient.report import CELL_COLUMNS, journal, rowfile
from allclient.view import page
from tests.unit.cli.conftest import environment, start
from tests.unit.client.kserve import BENIGN_ANSWER, MALIGNANT_ANSWER, TWO_CELLS, Answer, KServe

Run = Callable[..., Any]
BROKEN = b"torn"


def picture(number: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 10 * number, 150)).save(data, "PNG")
    return data.getvalue()


def respond(image: bytes) -> Answer:
    if image == BROKEN:
        raise AssertionError("the test expects no question about it")
    benign = hashlib.blake2b(image).digest()[0] % 2
    return replace(BENIGN_ANSWER if benign else MALIGNANT_ANSWER, cells=TWO_CELLS)


@pytest.fixture
def fields(server: KServe, folder: Path) -> Path:
    """Six fields of two cases, with names that are alike."""
    server.respond = respond
    for case in ("P1", "P2"):
        (folder / "slides" / case).mkdir(parents=True)
        for number in range(3):
            (folder / "slides" / case / f"f{number}.png").write_bytes(picture(number))
    return folder


CLASSIFY = ("classify", "slides", "-r", "-f", "jsonl")


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"slides"}


def test_nobody_pays_for_cells_unasked(fields: Path, server: KServe, allclient: Run) -> None:
    del server.outputs["CELLS"]
    done = allclient(*CLASSIFY)
    assert done.code == 0
    assert {json.loads(line)["leukocytes"] for line in done.out.splitlines()} == {None}


def test_cells_as_csv_and_json_lines(fields: Path, allclient: Run) -> None:
    done = allclient(*CLASSIFY, "--cells", "cells.csv")
    assert done.code == 0, done.err
    first = json.loads(done.out.splitlines()[0])
    assert (first["leukocytes"], first["malignant_leukocytes"]) == (2, 1)
    cells = rows(fields / "cells.csv")
    assert tuple(cells[0]) == CELL_COLUMNS
    assert len(cells) == 12
    assert (cells[0]["file"], cells[0]["cell"], cells[0]["x"]) == (
        "slides/P1/f0.png",
        "1",
        "0.100000",
    )
    assert (cells[1]["label"], cells[1]["subtype"], cells[1]["agreement"]) == (
        "benign",
        "benign",
        "0.666667",
    )
    assert allclient(*CLASSIFY, "--cells", "cells.jsonl").code == 0
    lines = [json.loads(line) for line in (fields / "cells.jsonl").read_text().splitlines()]
    assert [{k: str(v) for k, v in line.items() if k in ("file", "cell")} for line in lines] == [
        {k: v for k, v in cell.items() if k in ("file", "cell")} for cell in cells
    ]
    assert left(fields) == {"cells.csv", "cells.jsonl"}


def test_cells_for_qupath(fields: Path, allclient: Run) -> None:
    assert allclient(*CLASSIFY, "--cells", "cells/").code == 0
    made = sorted((fields / "cells").iterdir())
    assert len(made) == 6  # names that are alike stay apart
    assert len([path for path in made if path.name.startswith("f0.png-")]) == 2
    collection = json.loads(made[0].read_text())
    assert collection["type"] == "FeatureCollection"
    ring = collection["features"][0]["geometry"]["coordinates"][0]
    assert ring == [[8, 12], [28, 12], [28, 42], [8, 42], [8, 12]]


def test_cases(fields: Path, allclient: Run) -> None:
    done = allclient(*CLASSIFY, "--case-by", "{case}/*", "--cases", "cases.csv")
    assert done.code == 0
    first, second = rows(fields / "cases.csv")
    assert (first["case"], second["case"]) == ("P1", "P2")
    assert (first["fields"], first["leukocytes"], first["label"]) == ("3", "6", "review")
    assert "CASE LABEL" in done.err
    assert "50% (too few fields)" in done.err
    assert "blast" not in done.err


def test_cases_by_folder_need_no_file(fields: Path, allclient: Run) -> None:
    done = allclient(*CLASSIFY, "--case-by", "folder")
    assert "slides/P1\n" in done.err
    assert left(fields) == set()
    assert "CASE" not in done.out


def test_a_pattern_that_does_not_fit_is_named(fields: Path, allclient: Run) -> None:
    done = allclient(*CLASSIFY, "--case-by", "P1_{case}_*")
    assert "'P1_{case}_*' does not fit the paths of 6 of 6 files; they are (no case)" in done.err
    assert "fit" not in allclient(*CLASSIFY, "--case-by", "{case}/*").err


def test_a_failed_file_counts_in_its_case(fields: Path, allclient: Run) -> None:
    (fields / "slides/P1/f0.png").write_bytes(b"")
    done = allclient(*CLASSIFY, "--cases", "cases.jsonl")
    assert done.code == 1
    first = json.loads((fields / "cases.jsonl").read_text().splitlines()[0])
    assert (first["case"], first["fields"], first["failed"]) == ("slides/P1", 2, 1)


def test_annotated_fields_and_the_report(fields: Path, allclient: Run) -> None:
    before = {path: path.read_bytes() for path in fields.rglob("*.png")}
    done = allclient(*CLASSIFY, "--annotate", "seen", "--report", "report.html")
    assert done.code == 0, done.err
    made = list((fields / "seen").iterdir())
    assert len(made) == 6
    for path in made:
        with Image.open(path) as image:
            assert image.format == "JPEG"
    assert (fields / "report.html").read_text().count("<article") == 6
    assert {path: path.read_bytes() for path in fields.rglob("*.png")} == before
    assert left(fields) == {"seen", "report.html"}


def test_a_field_that_cannot_be_shown_is_named(
    fields: Path, server: KServe, allclient: Run
) -> None:
    (fields / "slides/P1/f0.png").write_bytes(b"no image")
    done = allclient(*CLASSIFY, "--annotate", "seen", "--report", "report.html")
    assert done.code == 1
    assert "slides/P1/f0.png: not in" in done.err
    assert "it cannot be shown here" in done.err
    assert len(list((fields / "seen").iterdir())) == 5
    assert "The picture is not here" in (fields / "report.html").read_text()


def test_a_file_that_goes_meanwhile_leaves_a_gap(
    fields: Path, server: KServe, allclient: Run
) -> None:
    def gone(image: bytes) -> Answer:
        (fields / "slides/P1/f0.png").unlink(missing_ok=True)
        return respond(image)

    server.respond = gone
    done = allclient(*CLASSIFY, "--report", "report.html")
    assert done.code == 0
    text = (fields / "report.html").read_text()
    assert "The picture is not here: no such file." in text
    assert text.count('class="picture"') == 5


@pytest.mark.parametrize(
    ("option", "name"),
    [("--cells", "x.csv"), ("--cases", "x.csv"), ("--report", "x.html")],
)
def test_what_exists_is_not_replaced_unasked(
    fields: Path, server: KServe, allclient: Run, option: str, name: str
) -> None:
    (fields / name).write_text("mine")
    done = allclient(*CLASSIFY, option, name)
    assert done.code == 2
    assert f"{name!r} exists: --overwrite replaces it" in done.err
    assert (fields / name).read_text() == "mine"
    assert server.asked == 0
    assert allclient(*CLASSIFY, option, name, "--overwrite").code == 0
    assert (fields / name).read_text() != "mine"


def test_a_folder_that_is_searched_takes_no_pictures(
    fields: Path, server: KServe, allclient: Run
) -> None:
    for place in ("slides", "slides/P1/seen"):
        done = allclient(*CLASSIFY, "--annotate", place)
        assert done.code == 2
        assert "which is searched for fields" in done.err
    (fields / "seen").mkdir()
    (fields / "seen/notes.txt").touch()
    done = allclient(*CLASSIFY, "--annotate", "seen")
    assert "is not empty" in done.err
    assert server.asked == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cells", "x.csv", "--cases", "x.csv"), "name one file twice"),
        (("--cells", "./out.jsonl"), "name one file twice"),
        (("--cells", "none/x.csv"), "there is no such folder"),
        (("--cells", "-"), "--cells '-' is no name of a file or folder"),
        (("--cells", ""), "--cells '' is no name of a file or folder"),
        (("--um-per-pixel", "0"), "0.001<=x<=1000"),
        (("--um-per-pixel", "250000"), "0.001<=x<=1000"),
        (("--um-per-pixel", "nan"), "--um-per-pixel is no number"),
        (("--report", "x.html"), "is a folder: name a file in it"),
    ],
)
def test_targets_that_cannot_be(
    fields: Path, server: KServe, allclient: Run, options: tuple[str, ...], message: str
) -> None:
    (fields / "x.html").mkdir()
    done = allclient(*CLASSIFY, "-o", "out.jsonl", *options)
    assert done.code == 2
    assert message in done.err
    assert server.asked == 0
    assert left(fields) == {"x.html"}


def test_a_server_without_cells_is_found_before_the_first_image(
    fields: Path, server: KServe, allclient: Run
) -> None:
    del server.outputs["CELLS"]
    done = allclient(*CLASSIFY, "--cases", "cases.csv")
    assert done.code == 3
    assert "gives no cells: its models are of version 0.2 or older" in done.err
    assert server.asked == 0
    assert left(fields) == set()


def test_the_size_of_a_pixel_goes_along(fields: Path, server: KServe, allclient: Run) -> None:
    assert allclient(*CLASSIFY, "--um-per-pixel", "0.5", "--cells", "cells.jsonl").code == 0
    assert server.parameters == [{"um_per_pixel": "0.5"}] * 6


WHOLE = ("--cells", "cells.csv", "--cases", "cases.csv", "--report", "report.html")


def stop_after(server: KServe, count: int, how: Callable[[], None]) -> None:
    def later(image: bytes) -> Answer:
        if server.asked > count:
            how()
        return respond(image)

    server.respond = later


def test_a_run_that_is_stopped_goes_on(fields: Path, server: KServe, allclient: Run) -> None:
    whole = ("-o", "all.jsonl", "--annotate", "seen", *WHOLE)
    assert allclient(*CLASSIFY, *whole).code == 0
    expected = {name: (fields / name).read_text() for name in ("cells.csv", "cases.csv")}
    names = sorted(path.name for path in (fields / "seen").iterdir())
    for path in (fields / "seen").iterdir():
        path.unlink()
    for name in ("all.jsonl", "cells.csv", "cases.csv", "report.html"):
        (fields / name).unlink()

    process = None

    def stop() -> None:
        assert process is not None
        process.send_signal(signal.SIGINT)
        process.wait(120)  # nobody waits for the answer

    stop_after(server, 3 + server.asked, stop)
    process = start(*CLASSIFY, *whole, "--in-flight", "1", stderr=-1, env=environment())
    said = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 130
    assert "all.jsonl.partial and" in said
    assert left(fields) == {"all.jsonl.partial", "report.html.partial", "seen"}
    kept = len((fields / "all.jsonl.partial").read_text().splitlines())
    assert kept == len((fields / "report.html.partial").read_text().splitlines()) == 3

    # A crash may tear the last line, and leave an entry whose row was not written.
    with (fields / "report.html.partial").open("a") as file:
        line = (fields / "report.html.partial").read_text().splitlines()[0]
        file.write(line.replace("P1/f0", "P2/f2") + "\n" + line[:40])

    server.respond = respond
    server.asked = 0
    done = allclient(*CLASSIFY, *whole, "--resume")
    assert done.code == 0, done.err
    assert server.asked == 3
    assert {name: (fields / name).read_text() for name in expected} == expected
    assert (fields / "report.html").read_text().count("<article") == 6
    assert sorted(path.name for path in (fields / "seen").iterdir()) == names
    assert left(fields) == {"all.jsonl", "report.html", "seen", *expected}
    again = allclient(*CLASSIFY, *whole, "--resume")
    assert again.code == 0
    assert server.asked == 3


def test_a_run_cannot_go_on_without_what_it_kept(fields: Path, allclient: Run) -> None:
    (fields / "slides/P2/f2.png").write_bytes(b"")
    assert allclient(*CLASSIFY, "-o", "all.jsonl").code == 1
    done = allclient(*CLASSIFY, "-o", "all.jsonl", "--resume", "--cells", "cells.csv")
    assert done.code == 2
    assert "which keeps the cells of the files that are done" in done.err
    done = allclient(*CLASSIFY, "-o", "all.jsonl", "--resume", "--case-by", "folder")
    assert done.code == 2
    assert "only where the first run had --cases FILE" in done.err
    assert left(fields) == {"all.jsonl"}


def test_what_an_earlier_run_kept_is_not_replaced_unasked(fields: Path, allclient: Run) -> None:
    (fields / "cells.csv.partial").write_text("mine")
    done = allclient(*CLASSIFY, "--cells", "cells.csv")
    assert done.code == 2
    assert "an earlier run left" in done.err
    assert (fields / "cells.csv.partial").read_text() == "mine"
    assert allclient(*CLASSIFY, "--cells", "cells.csv", "--overwrite").code == 0
    assert left(fields) == {"cells.csv"}


@pytest.mark.parametrize("rows_before", [0, 2])
def test_a_full_disk_keeps_what_was_finished(
    fields: Path, allclient: Run, monkeypatch: pytest.MonkeyPatch, rows_before: int
) -> None:
    written = 0

    def write(self: rowfile.RowFile, data: bytes) -> None:
        nonlocal written
        if self._name.endswith("cells.csv.partial'"):
            written += 1
            if written > rows_before:
                with rowfile.writing(self._name):
                    raise OSError(28, "No space left on device")
        plain(self, data)

    plain = rowfile.RowFile.write
    with monkeypatch.context() as patch:
        patch.setattr(journal.RowFile, "write", write)
        done = allclient(*CLASSIFY, "-o", "all.jsonl", "--cells", "cells.csv")
    assert done.code == 4
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err
    done = allclient(*CLASSIFY, "-o", "all.jsonl", "--cells", "cells.csv", "--resume")
    assert done.code == 0, done.err
    assert len(rows(fields / "cells.csv")) == 12
    assert left(fields) == {"all.jsonl", "cells.csv"}


def test_a_full_disk_at_the_end(
    fields: Path, server: KServe, allclient: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: rowfile.RowFile, data: bytes) -> None:
        if self._name.endswith("report.html.new'"):
            with rowfile.writing(self._name):
                raise OSError(28, "No space left on device")
        plain(self, data)

    plain = rowfile.RowFile.write
    with monkeypatch.context() as patch:
        patch.setattr(journal.RowFile, "write", write)
        done = allclient(*CLASSIFY, "-o", "all.jsonl", *WHOLE)
    assert done.code == 4
    assert "report.html" in done.err
    assert {"all.jsonl.partial", "report.html.partial"} <= left(fields)
    assert "report.html" not in left(fields)
    server.asked = 0
    assert allclient(*CLASSIFY, "-o", "all.jsonl", *WHOLE, "--resume").code == 0
    assert server.asked == 0
    assert left(fields) == {"all.jsonl", "cells.csv", "cases.csv", "report.html"}


def test_a_run_that_is_stopped_at_its_report_goes_on(
    fields: Path, server: KServe, allclient: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: str, side: int) -> page.Picture:
        os.kill(os.getpid(), signal.SIGTERM)
        assert streams.STOPPING.wait(120)
        return plain(path, side)

    plain = page.load
    with monkeypatch.context() as patch:
        patch.setattr(page, "load", load)
        done = allclient(*CLASSIFY, "-o", "all.jsonl", "--report", "report.html")
    assert done.code == 143
    assert "--resume goes on from there" in done.err
    assert left(fields) == {"all.jsonl.partial", "report.html.partial"}
    server.asked = 0
    assert allclient(*CLASSIFY, "-o", "all.jsonl", "--report", "report.html", "--resume").code == 0
    assert server.asked == 0
    assert left(fields) == {"all.jsonl", "report.html"}


def test_a_run_without_output_that_is_stopped_leaves_nothing(
    fields: Path, allclient: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: str, side: int) -> page.Picture:
        os.kill(os.getpid(), signal.SIGINT)
        assert streams.STOPPING.wait(120)
        return plain(path, side)

    plain = page.load
    monkeypatch.setattr(page, "load", load)
    done = allclient(*CLASSIFY, "--report", "report.html")
    assert done.code == 130
    assert "--resume" not in done.err
    assert left(fields) == set()


def test_the_extra_that_is_missing_is_named(
    fields: Path, server: KServe, allclient: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "PIL" else name)
    for options in (("--annotate", "seen"), ("--report", "r.html"), ("--cells", "cells/")):
        done = allclient(*CLASSIFY, *options)
        assert done.code == 2
        assert "needs pillow: pip install 'allclient[report]'" in done.err
    assert allclient(*CLASSIFY, "--cells", "cells.csv").code == 0
