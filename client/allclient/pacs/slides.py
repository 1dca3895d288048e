"""Decides which level of a whole-slide image is read, and has its fields classified."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final

from pydicom.dataset import Dataset

from allclient.dicom import levels, slide
from allclient.dicom.slide import SlideField
from allclient.dicom.spacing import um_per_pixel
from allclient.errors import ImageError
from allclient.pacs.answers import Reading
from allclient.pacs.classes import SLIDES
from allclient.pacs.inbox import Inbox
from allclient.result import Result

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
    if not levels.is_level(this):
        return levels.NO_LEVEL
    sizes = {str(this.SOPInstanceUID): um_per_pixel(this)}
    for other in inbox.database.rows(
        "SELECT * FROM objects WHERE study = ? AND sop_class = ? "
        "AND (pixels = 1 OR state = 'read')",
        row["study"],
        row["sop_class"],
    ):
        header = _header(inbox, other)
        if levels.is_level(header) and levels.slide_of(header) == levels.slide_of(this):
            if other["state"] == "read":
                return "another level of the slide was read"
            sizes[str(header.SOPInstanceUID)] = um_per_pixel(header)
    names = sorted(sizes)
    chosen = levels.nearest([sizes[name] for name in names])
    if chosen is None:
        raise levels.too_coarse()
    return "" if names[chosen] == this.SOPInstanceUID else "another level of the slide is read"


def readings(
    inbox: Inbox, row: Any, classify: Callable[[bytes, float | None], Result], *, in_flight: int
) -> list[Reading]:
    """Return what was read of the fields of a level, in rows. Raises ImageReadError."""
    size = um_per_pixel(_header(inbox, row))

    def ask(field: bytes) -> Result:
        return classify(field, size)

    with _ONE, closing(slide.fields(inbox.path(row["key"]), slide.MAX_FIELDS)) as fields:
        found = list(_classified(fields, ask, in_flight))
    if not found:
        raise levels.empty()
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


def _header(inbox: Inbox, row: Any) -> Dataset:
    return levels.read(inbox.path(row["key"]))
