"""Finds the whole slides among files and gives their fields, each as an image of its own.

Of the levels of a slide one is read, which can be told when all files are known. So the fields come
after all other files. For each slide no more than a name is kept until then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from allclient.contract import IMAGE_SUFFIXES, ImageErrorCode
from allclient.dicom import is_dicom, without_extra
from allclient.dicom.regions import name_of
from allclient.errors import ImageReadError
from allclient.result import Remote

_HEAD: Final = 4096
"""Bytes at the start of a file in which its SOP class stands."""

_CLASS: Final = b"\x02\x00\x02\x00UI\x1e\x001.2.840.10008.5.1.4.1.1.77.1.6"
"""The element Media Storage SOP Class UID of VL Whole Slide Microscopy."""

_AGAIN: Final = "; copy or export the slide again"


class _Level(NamedTuple):
    path: str
    um_per_pixel: float | None


def is_slide(path: str) -> bool:
    """Return whether a file is an object of a whole slide, by its first bytes."""
    if os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122  no Path per file
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  a pipe's end may never come
            return False
        with open(path, "rb") as file:  # noqa: PTH123  the path as the user spelled it
            start = file.read(_HEAD)
    except (OSError, ValueError):
        return False
    return is_dicom(start) and _CLASS in start


def with_fields(files: Iterable[str], passed: Callable[[], None]) -> Iterator[str]:
    """Yield the files that are no slides, and then the fields of each slide.

    A field has the slide's name and its region (``regions.name_of``). A slide that cannot be read
    gives its own name, and reading that gives the error. ``passed`` is called for every level that
    is not read since another one is, and for labels and overviews.
    """
    slides: dict[str, _Level] = {}
    for file in files:
        if not is_slide(file):
            yield file
            continue
        try:
            slide, level = _look(file)
        except ImageReadError as error:
            yield _failed(file, error)
            continue
        if level is None:
            passed()
            continue
        if slide in slides:
            passed()
        slides[slide] = _better(slides.get(slide, level), level)
    for level in slides.values():
        yield from _fields(level)


def without_fields(path: str) -> Remote:
    """Return a slide that could not be read, or not all of it, as a source that tells the reason.

    The slide is read again for it: it may have been mended since, or away for a moment.
    """
    return Remote(path, partial(_reason, path))


def _reason(path: str) -> bytes:
    for source in with_fields([path], lambda: None):
        if source == path and isinstance(source, Remote):
            return source.fetch()
    raise ImageReadError(
        "the slide could not be read when its fields were listed, and now it can: list them again, "
        "in a new run",
        code=ImageErrorCode.FILE_UNREADABLE.value,
    )


def _look(file: str) -> tuple[str, _Level | None]:
    """Return which slide this is, and its level; None for a label or an overview."""
    try:
        from allclient.dicom import levels, spacing
    except ImportError as error:
        raise without_extra("a whole slide", error) from error
    header = levels.read(Path(file))
    try:
        name = f"{header.get('StudyInstanceUID')} {levels.slide_of(header)}"
        is_level = levels.is_level(header)
        size = spacing.um_per_pixel(header)
    except Exception as error:  # hostile values trip pydicom wherever they are looked at
        raise ImageReadError(
            f"the slide is damaged ({type(error).__name__})", code=ImageErrorCode.CORRUPT.value
        ) from error
    return name, _Level(file, size) if is_level else None


def _better(one: _Level, other: _Level) -> _Level:
    from allclient.dicom import levels

    return (one, other)[levels.nearest([one.um_per_pixel, other.um_per_pixel]) or 0]


def _fields(level: _Level) -> Iterator[str]:
    from allclient.dicom import levels, slide

    count = 0
    try:
        if levels.nearest([level.um_per_pixel]) is None:
            raise levels.too_coarse()
        with closing(slide.fields(Path(level.path), slide.MAX_FIELDS)) as fields:
            for field in fields:
                count += 1
                name = name_of(level.path, field.region)
                yield Remote(name, partial(bytes, field.data), level.um_per_pixel)
        if not count:
            raise levels.empty()
    except ImageReadError as error:
        yield _failed(level.path, error)


def _failed(file: str, error: ImageReadError) -> Remote:
    advice = _AGAIN if error.code == ImageErrorCode.CORRUPT.value else ""

    def fail() -> bytes:
        raise ImageReadError(f"{error}{advice}", code=error.code)

    return Remote(file, fail)
