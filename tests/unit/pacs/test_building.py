"""The report of a large study is built in a process of its own, and is the same."""

from __future__ import annotations

import io
import sys
from typing import Any

import pydicom
import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from allclient.pacs import building
from tests.unit.dicom.objects import jpeg_object
from tests.unit.pacs.steps import Steps


def read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def test_a_large_study_is_built_apart(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[building.Task] = []
    build = building.build

    def noting(task: building.Task) -> list[building.Made]:
        tasks.append(task)
        return build(task)

    monkeypatch.setattr(building, "build", noting)
    steps.keep(jpeg_object(0, instance=1), jpeg_object(1, instance=2))
    steps.run()
    (task,) = tasks
    expected = building.built(task)
    here: list[Any] = []
    monkeypatch.setattr(building, "_SMALL", 0)
    monkeypatch.setattr(building, "built", here.append)
    found = build(task)
    assert here == []
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    assert [each.kind for each in found] == ["report", "document"]
    assert read(found[0].data).ContentSequence == read(expected[0].data).ContentSequence


def test_a_report_that_cannot_be_built_is_tried_again(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_SMALL", 0)
    monkeypatch.setattr(sys, "executable", "false")
    steps.keep(jpeg_object(0, instance=1))
    steps.run()
    (report,) = steps.inbox.database.rows("SELECT * FROM reports")
    assert (report["state"], report["tries"]) == ("due", 1)
    assert "CalledProcessError" in report["reason"]
