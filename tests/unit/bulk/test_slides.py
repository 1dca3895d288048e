"""``--engine ray`` reads the fields of slides that the plain command reads, a row for each."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("highdicom", reason="the extra pacs is not installed")

from allclient.bulk.places import remote
from allclient.bulk.plan import part_name
from allclient.cli.group import run
from allclient.client.reading import read_image
from allclient.dicom import regions
from allclient.errors import ImageReadError
from tests.unit.client.kserve import MALIGNANT_ANSWER, Answer, KServe
from tests.unit.dicom.objects import as_file, jpeg_object
from tests.unit.dicom.slides import level, mosaic

pytestmark = pytest.mark.usefixtures("here")


def other(board: Any) -> Any:
    """A level of another slide."""
    return level(board, um=0.5, instance=5, study=2)


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A single field, a slide with two levels and a label, and one that is broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    board = mosaic(3, 2)
    fine = as_file(level(board, um=0.5, instance=1))
    objects = {
        "coarse.dcm": as_file(level(board[::4, ::4], um=2.0, instance=2)),
        "broken.dcm": as_file(other(board))[:420] + b"\xff" * 99,
        "fine.dcm": fine,
        "label.dcm": as_file(level(board[:256, :256], um=0.5, kind="LABEL", instance=3)),
        "single.dcm": as_file(jpeg_object(instance=4)),
    }
    for name, content in objects.items():
        (folder / name).write_bytes(content)
    return folder


class Keeping(KServe):
    """Keeps every picture that it is sent."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.images: Counter[bytes] = Counter()

    def _respond(self, image: bytes) -> Answer:
        self.images[image] += 1
        return MALIGNANT_ANSWER


def bulk(slides: Path, out: Path, server: KServe, *options: str) -> int:
    arguments = [str(slides), "--server", server.address, "-o", str(out), "--part-size", "2"]
    return run(["classify", *arguments, "--engine", "ray", *options])


def rows_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "fields").to_pylist()
    return rows


def test_the_rows_and_pictures_are_those_of_the_plain_command_also_resumed(
    slides: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Keeping() as plain:
        assert run(["classify", str(slides), "--server", plain.address, "-f", "jsonl"]) == 1
    lines = map(json.loads, capfd.readouterr().out.splitlines())
    expected = [(row["file"], row["um_per_pixel"], row["error"]) for row in lines]
    out = tmp_path / "out"
    with Keeping() as server:
        assert bulk(slides, out, server) == 1
        assert server.images == plain.images
        said, rows = capfd.readouterr().err, rows_of(out)
        assert "2 objects in whole slides (label, overview or another level)" in said
        assert [(row["file"], row["um_per_pixel"], row["error"]) for row in rows] == expected
        places = [regions.parse(row["file"]) for row in rows]
        assert [place and Path(place[0]).name for place in places] == [
            None,
            None,
            *["fine.dcm"] * 3,
        ]
        assert len(set(places)) == 4
        assert rows[0]["file"] == str(slides / "broken.dcm")
        assert rows[0]["error"]["code"] == "image_corrupt"

        # What is missing is read again, and the slide that failed: its fields were never listed.
        (out / part_name(1)).unlink()
        (slides / "broken.dcm").write_bytes(as_file(other(mosaic(1, 1))))
        assert bulk(slides, out, server, "--resume") == 1
        assert server.asked == 4 + 2
        failed, *others = rows_of(out)
        assert others == rows[1:]
        assert failed["error"]["code"] == "file_unreadable"
        assert "list them again, in a new run" in failed["error"]["message"]


def test_a_slide_at_a_url_is_an_error_that_says_what_to_do(slides: Path) -> None:
    with pytest.raises(ImageReadError, match="a file of this machine, not a URL"):
        read_image(remote(f"file://{slides / 'fine.dcm'}"))
