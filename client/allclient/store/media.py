"""Tells what kind of image a file is, by its first bytes and never by its name."""

from __future__ import annotations

from typing import Final

from allclient.contract import IMAGE_FORMATS
from allclient.dicom import is_dicom
from allclient.errors import RefusedError

DICOM: Final = "application/dicom"
"""Never kept as it is: see ``dicoms``."""

START: Final = 132
"""Number of first bytes that tell the kind."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
)


def media_type(start: bytes) -> str:
    """Return the media type of a file that begins so. Raises RefusedError for all but images."""
    if is_dicom(start):
        return DICOM
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if not start:
        raise RefusedError("the file is empty; save it again from the microscope's program")
    kinds = ", ".join(IMAGE_FORMATS)
    raise RefusedError(f"the file is no image of a kind that is read here ({kinds})")
