"""Reads a DICOMDIR: the list of objects on a disc, by the names of their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from allclient.dicom import WAY_OUT
from allclient.errors import ConfigurationError, ImageReadError

NAME: Final = "DICOMDIR"


def images(path: str) -> Iterator[str]:
    """Return the files of the images that a DICOMDIR lists, in its order.

    A file of the list that is missing comes out as well: reading it gives the error that names
    it. Raises ConfigurationError for a DICOMDIR that cannot be read.
    """
    try:
        from allclient.dicom.header import parse
    except ImportError as error:
        raise ConfigurationError(f"{path!r} lists DICOM objects; {WAY_OUT}") from error
    try:
        records = parse(Path(path).read_bytes()).get("DirectoryRecordSequence")
    except (OSError, ImageReadError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{path!r} cannot be read: {reason}") from error
    if records is None:
        raise ConfigurationError(f"{path!r} lists nothing: it is damaged or no DICOMDIR")
    folder = Path(path).parent
    for record in records:
        if str(record.get("DirectoryRecordType", "")) == "IMAGE":
            yield str(folder / _inside(path, record.get("ReferencedFileID")))


def _inside(path: str, file_id: object) -> Path:
    """Return the components of a file's name; one that leads out of the folder is refused."""
    parts = [str(file_id)] if isinstance(file_id, str) else [str(part) for part in file_id or ()]  # type: ignore[attr-defined]
    if not parts or any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts):
        raise ConfigurationError(f"{path!r} names a file that is not beside it: it is damaged")
    return Path(*parts)
