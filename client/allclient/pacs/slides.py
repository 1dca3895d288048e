"""Decides which level of a whole-slide image is read, and has its fields classified."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from allclient.dicom import slide
from allclient.dicom.header import unsupported
from allclient.dicom.slide import SlideField
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageError
from allclient.pacs.answers import Reading
from allclient.pacs.classes import SLIDES
from allclient.pacs.inbox import Inbox
from allclient.result import Result

MAX_FIELDS: Final = 512
"""Fields of one slide that are read, spread over all of it."""

_ONE: Final = threading.Lock()
"""One slide is unpacked at a time, for the sake of memory."""


def is_slide(row: Any) -> bool:
    """Return whether a row of the queue is a level of a slide."""
    return row["sop_class"] in SLIDES


def passed_over(inbox: Inbox, row: Any) -> str:
    """Return why this level of a slide is not read, or nothing if it is the one to be read.

    All levels of the slide must have come. Raises ImageReadError if none of them can be read.
    """
    this = _header(inbox, row)
    if not _is_level(this):
        return "a label, overview or thumbnail of a slide"
    levels = {str(this.SOPInstanceUID): this}
    for other in inbox.database.rows(
        "SELECT * FROM objects WHERE study = ? AND sop_class = ? "
        "AND (pixels = 1 OR state = 'read')",
        row["study"],
        row["sop_class"],
    ):
        header = _header(inbox, other)
        if _is_level(header) and _slide_of(header) == _slide_of(this):
            if other["state"] == "read":
                return "another level of the slide was read"
            levels[str(header.SOPInstanceUID)] = header
    names = sorted(levels)
    chosen = slide.nearest([levels[name] for name in names])
    if chosen is None:
        raise unsupported(
            "no level of the slide says the size of its pixels, or all are coarser than "
            f"{slide.MAX_UM:.2f} micrometres"
        )
    return "" if names[chosen] == this.SOPInstanceUID else "another level of the slide is read"


def readings(
    inbox: Inbox, row: Any, classify: Callable[[bytes, float | None], Result], *, in_flight: int
) -> list[Reading]:
    """Return what was read of the fields of a level, in rows. Raises ImageReadError."""
    size = um_per_pixel(_header(inbox, row))

    def ask(field: bytes) -> Result:
        return classify(field, size)

    with _ONE, closing(slide.fields(inbox.path(row["key"]), MAX_FIELDS)) as fields:
        found = list(_classified(fields, ask, in_flight))
    if not found:
        raise unsupported("the slide has no field with cells; it is empty glass")
    return sorted(found, key=lambda reading: reading.region[1::-1] if reading.region else ())


def _classified(
    fields: Iterator[SlideField], classify: Callable[[bytes], Result], in_flight: int
) -> Iterator[Reading]:
    """Ask for ``in_flight`` fields at a time; no more of them are in memory."""
    waiting: deque[Future[Reading]] = deque()
    with ThreadPoolExecutor(in_flight, "allclient-pacs-slide") as pool:
        for field in fields:
            waiting.append(pool.submit(_reading, field, classify))
            if len(waiting) == in_flight:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _reading(field: SlideField, classify: Callable[[bytes], Result]) -> Reading:
    try:
        return Reading(0, classify(field.data), region=field.region)
    except ImageError as error:
        return Reading(0, None, f"{error.code}: {error}", field.region)


def _in_rows(reading: Reading) -> tuple[int, int]:
    return (0, 0) if reading.region is None else (reading.region.top, reading.region.left)


def _header(inbox: Inbox, row: Any) -> Dataset:
    return pydicom.dcmread(inbox.path(row["key"]), stop_before_pixels=True)


def _is_level(header: Dataset) -> bool:
    kind = list(header.get("ImageType") or [])
    return len(kind) > 2 and str(kind[2]) == "VOLUME"


def _slide_of(header: Dataset) -> str:
    """Return what the levels of one slide share: the frame of reference, or the container."""
    frame = header.get("FrameOfReferenceUID")
    return str(frame or header.get("ContainerIdentifier") or header.SeriesInstanceUID)
