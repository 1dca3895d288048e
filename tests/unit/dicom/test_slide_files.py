"""``allclient classify`` reads whole slides: a level of each, in fields, by the gateway's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("highdicom", reason="the extra pacs is not installed")

from pydicom import uid
from pydicom.fileset import FileSet

from allclient import Client
from allclient.cli.group import run
from allclient.dicom import slide_files
from allclient.dicom.regions import Region, name_of, parse
from allclient.errors import ImageReadError
from allclient.result import Remote
from tests.unit.client.kserve import MALIGNANT_ANSWER, Answer, KServe
from tests.unit.dicom.objects import PATIENT, as_file, jpeg_object
from tests.unit.dicom.slides import level, mosaic

FIELDS = sorted(
    Region(256 * column, 256 * row, 256, 256)
    for column in range(4)
    for row in range(3)
    if column % 2 == row % 2
)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """A folder with two levels of a slide, its label, and a single field."""
    folder = tmp_path / "slide"
    folder.mkdir()
    board = mosaic()
    objects = {
        "coarse.dcm": level(board[::4, ::4], um=2.0, instance=2),
        "fine.dcm": level(board, um=0.5, syntax=uid.JPEGBaseline8Bit, instance=1),
        "label.dcm": level(board[:256, :256], um=0.5, kind="LABEL", instance=3),
        "single.dcm": jpeg_object(instance=4),
    }
    for name, made in objects.items():
        (folder / name).write_bytes(as_file(made))
    return folder


def listed(*paths: Path) -> tuple[list[str], int]:
    """What comes of files, and how many were passed over."""
    passed: list[int] = []
    found = list(slide_files.with_fields(map(str, paths), lambda: passed.append(1)))
    return found, len(passed)


def reason(path: Path) -> str:
    """Why a slide is not read."""
    ((source,), _) = listed(path)
    assert source == str(path)
    assert isinstance(source, Remote)
    with pytest.raises(ImageReadError) as caught:
        source.fetch()
    return f"{caught.value.code}: {caught.value}"


def test_classify_reads_the_fields_of_one_level_that_a_dicomdir_names(
    slide: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    received = []

    def respond(image: bytes) -> Answer:
        received.append(image)
        return MALIGNANT_ANSWER

    files = FileSet()
    for path in slide.iterdir():
        files.add(path)
    files.write(tmp_path / "disc")
    command = ["classify", str(tmp_path / "disc" / "DICOMDIR"), "--format", "jsonl"]
    wanted = ["--case-by", "folder", "--annotate", str(tmp_path / "drawn")]
    wanted += ["--report", str(tmp_path / "report.html")]
    with KServe(respond) as server:
        code = run([*command, "--server", server.address, *wanted])
        printed = capfd.readouterr()
        rows: list[dict[str, Any]] = [json.loads(line) for line in printed.out.splitlines()]
        with Client(server.address) as client:
            one = client.classify(rows[-1]["file"])
    assert code == 0, printed.err
    assert parse(rows[0]["file"]) is None
    places = [parse(row["file"]) for row in rows[1:]]
    assert sorted(region for _, region in filter(None, places)) == FIELDS
    ((fine, _), *_) = filter(None, places)
    assert Path(fine).read_bytes() == (slide / "fine.dcm").read_bytes()
    assert {row["um_per_pixel"] for row in rows[1:]} == {0.5}
    assert one.um_per_pixel == 0.5
    assert received[-1] == received[-2]
    assert "2 objects in whole slides (label, overview or another level)" in printed.err
    assert PATIENT not in printed.out + printed.err
    assert len(list((tmp_path / "drawn").iterdir())) == len(rows)
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "cannot be shown" not in report
    assert report.count("#xywh=") >= len(FIELDS)


def test_a_damaged_slide_is_an_error_after_what_could_be_read(slide: Path) -> None:
    fine = slide / "fine.dcm"
    fine.write_bytes(fine.read_bytes()[:3000])
    assert reason(fine).startswith("image_corrupt: the slide ")
    assert reason(fine).endswith("; copy or export the slide again")


@pytest.mark.parametrize("um", [None, 4.0])
def test_a_slide_without_a_level_that_can_be_read_says_what_to_do(
    tmp_path: Path, um: float | None
) -> None:
    path = tmp_path / "slide.dcm"
    path.write_bytes(as_file(level(mosaic(1, 1), um=um)))
    assert "export it with a finer level" in reason(path)


def test_a_broken_header_and_a_file_that_went_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "slide.dcm"
    path.write_bytes(as_file(level(mosaic(1, 1), um=0.5))[:420] + b"\xff" * 99)
    assert reason(path).startswith("image_corrupt: the slide ")
    with pytest.raises(ImageReadError, match="No such file"):
        Client("127.0.0.1:1").classify(name_of(str(tmp_path / "gone.dcm"), Region(0, 0, 9, 9)))


def test_levels_of_two_slides_are_kept_apart(tmp_path: Path) -> None:
    for number in (1, 2):
        made = level(mosaic(1, 1), um=4.0, study=number)
        (tmp_path / f"{number}.dcm").write_bytes(as_file(made))
    found, passed = listed(tmp_path / "1.dcm", tmp_path / "2.dcm")
    assert (len(found), passed) == (2, 0)


def test_a_region_outside_of_the_slide_is_no_field(slide: Path) -> None:
    from allclient.dicom import slide_field

    field = slide_field(str(slide / "fine.dcm"), FIELDS[0])
    assert field.um_per_pixel == 0.5
    with pytest.raises(ImageReadError, match="no such field"):
        slide_field(str(slide / "fine.dcm"), Region(1000, 0, 256, 256))


def test_files_of_other_kinds_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "picture.jpg").write_bytes(as_file(level(mosaic(1, 1), um=0.5)))
    names = [tmp_path / "empty", tmp_path / "picture.jpg", tmp_path / "gone", tmp_path]
    assert listed(*names) == ([str(name) for name in names], 0)
