"""A whole slide is one level, cut into fields, and they make one case."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import uid

from allclient.dicom import slide
from tests.unit.client.kserve import KServe
from tests.unit.dicom.objects import jpeg_object, root
from tests.unit.dicom.slides import level, mosaic
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.steps import Steps


def states(steps: Steps) -> dict[str, tuple[str, str]]:
    rows = steps.inbox.database.rows("SELECT * FROM objects")
    return {row["instance"]: (row["state"], row["reason"]) for row in rows}


def test_one_level_of_a_slide_is_read_and_reported(
    steps: Steps, archive: Archive, triton: KServe, tmp_path: Path
) -> None:
    board = mosaic()
    fine = level(board, um=0.5, syntax=uid.JPEGBaseline8Bit, instance=1)
    coarse = level(board[::4, ::4], um=2.0, instance=2)
    label = level(board[:256, :256], um=0.5, kind="LABEL", instance=3)
    steps.keep(coarse, label, fine)
    steps.run()
    assert states(steps) == {
        fine.SOPInstanceUID: ("read", ""),
        coarse.SOPInstanceUID: ("passed", "another level of the slide is read"),
        label.SOPInstanceUID: ("passed", "a label, overview or thumbnail of a slide"),
    }
    assert triton.asked == 6
    assert triton.most_in_flight <= 4
    (report,) = archive.of("SR")
    assert not archive.of("GM")
    file = io.BytesIO()
    report.save_as(file, enforce_file_format=True)
    parsed = highdicom.sr.srread(io.BytesIO(file.getvalue()))
    regions = [
        np.asarray(group.roi.value)
        for group in parsed.content.get_planar_roi_measurement_groups()
        if "cell" not in group.tracking_identifier
    ]
    # From the corner at 20, 40 mm; on this slide columns go down y, rows go down x.
    corners = sorted(
        (round(region[:, 0].max(), 3), round(region[:, 1].max(), 3)) for region in regions
    )
    side = 256 * 0.0005
    assert corners == sorted(
        (round(20 - row * side, 3), round(40 - column * side, 3))
        for row in range(3)
        for column in range(row % 2, 4, 2)
    )
    (tmp_path / "sr.dcm").write_bytes(file.getvalue())
    program = Path(sys.executable).with_name("dciodvfy")  # of the package dicom3tools
    done = subprocess.run(
        [program, tmp_path / "sr.dcm"], capture_output=True, text=True, check=False
    )
    said = done.stderr.splitlines() + done.stdout.splitlines()
    assert [line for line in said if line.startswith("Error")] == []


def test_a_slide_waits_for_its_other_levels_and_fields_do_not(steps: Steps) -> None:
    made = level(mosaic(2, 1), um=0.5, study=2)
    steps.keep(made, jpeg_object(1))
    steps.reader.run()
    assert states(steps)[made.SOPInstanceUID][0] == "received"
    assert states(steps)[root(1) + ".1"][0] == "read"
    steps.make_due()
    steps.reader.run()
    assert states(steps)[made.SOPInstanceUID][0] == "read"


def test_a_late_level_changes_nothing(steps: Steps, triton: KServe) -> None:
    steps.keep(level(mosaic(2, 1), um=0.25))
    steps.run()
    asked = triton.asked
    late = level(mosaic(2, 1), um=0.5, instance=2)
    steps.keep(late)
    steps.run()
    assert triton.asked == asked
    assert states(steps)[late.SOPInstanceUID] == ("passed", "another level of the slide was read")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (level(mosaic(1, 1), um=4.0), "coarser than 1.16"),
        (level(np.full((256, 256, 3), 240, np.uint8), um=0.5), "empty glass"),
    ],
)
def test_what_has_no_fields_is_refused(steps: Steps, made: object, reason: str) -> None:
    steps.keep(made)
    steps.run()
    ((state, said),) = states(steps).values()
    assert state == "refused"
    assert reason in said


def test_no_more_than_so_many_fields(
    steps: Steps, triton: KServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slide, "MAX_FIELDS", 2)
    steps.keep(level(mosaic(), um=0.5))
    steps.run()
    assert triton.asked == 2
