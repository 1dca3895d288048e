"""Builds report and document of a study; of a large one in a process of its own.

Building takes the interpreter for itself, and objects that come in meanwhile would wait for it.
``python -m allclient.pacs.building`` reads a task on standard input and writes what is made.
"""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pydicom
from pydicom.dataset import Dataset

from allclient.pacs import answers, codes, document, structured
from allclient.pacs.config import Export
from allclient.pacs.structured import Algorithm, Identity
from allclient.pacs.study import Image, StudyReading

_SMALL: Final = 200_000
"""Characters of answers that are built here: about a hundred fields."""


class Made(NamedTuple):
    """An object to be sent, as a DICOM file."""

    kind: str
    instance: str
    sop_class: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Task:
    """What a report is built from: each object's file, and what was read of it as JSON."""

    study: str
    objects: tuple[tuple[Path, str], ...]
    not_read: int
    identity: Identity
    algorithm: Algorithm
    export: Export
    predecessor: Path | None

    def reading(self) -> StudyReading:
        """Return the study as it was read."""
        images = [
            Image(pydicom.dcmread(path, stop_before_pixels=True), answers.loads(answer))
            for path, answer in self.objects
        ]
        images.sort(key=_number)
        return StudyReading(self.study, images, self.not_read)


def build(task: Task) -> list[Made]:
    """Return the report, and the document if one is wanted."""
    if sum(len(answer) for _, answer in task.objects) <= _SMALL:
        return built(task)
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps(task),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    objects: list[Made] = pickle.loads(done.stdout)  # noqa: S301  from our own child
    return objects


def built(task: Task) -> list[Made]:
    """Do what ``build`` does, in this process."""
    reading = task.reading()
    report = structured.build(
        reading,
        task.identity,
        task.algorithm,
        cells=task.export.cells,
        site=codes.SITES.get(task.export.site),
    )
    if task.predecessor is not None:
        earlier = pydicom.dcmread(task.predecessor, stop_before_pixels=True)
        structured.name_predecessor(report, earlier)
    objects = [made("report", report)]
    if task.export.pdf:
        page = document.build(reading, task.identity, task.algorithm)
        objects.append(made("document", page))
    return objects


def made(kind: str, dataset: Dataset) -> Made:
    """Return an object as a file."""
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return Made(kind, str(dataset.SOPInstanceUID), str(dataset.SOPClassUID), file.getvalue())


def _number(image: Image) -> tuple[int, str]:
    number: Any = image.header.get("InstanceNumber")
    return (int(number) if number is not None else 2**31, str(image.header.SOPInstanceUID))


def main() -> None:
    """Build a task: the child itself."""
    task = pickle.load(sys.stdin.buffer)  # noqa: S301  from our own parent
    pickle.dump(built(task), sys.stdout.buffer)


if __name__ == "__main__":
    from allclient.pacs import building

    building.main()  # what is made bears the module's name
