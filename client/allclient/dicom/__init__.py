"""Turns DICOM objects into encoded fields: JPEG and PNG, which every server here can read.

Needs the extra ``pacs`` (pydicom and its decoders); importing this module does not. Foreign
pixels that only a C library unpacks are unpacked in a child process with limits, see ``child``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from allclient.contract import ImageErrorCode
from allclient.dicom.regions import Region
from allclient.errors import ImageReadError

WAY_OUT: Final = "install what reads DICOM objects: pip install 'allclient[pacs]'"

_MARK: Final = b"DICM"
_PREAMBLE: Final = 128
_TIFF: Final = (b"II", b"MM")


class EncodedField(NamedTuple):
    """One frame of a DICOM object as a JPEG or PNG file, and how many frames the object has."""

    data: bytes
    frames: int
    um_per_pixel: float | None = None
    """The size of a pixel in micrometres, if the object says it."""


def is_dicom(data: bytes) -> bool:
    """Return whether these bytes are a DICOM file (part 10): a preamble and then ``DICM``.

    One whose preamble makes it a TIFF as well is taken for a TIFF.
    """
    return data[_PREAMBLE : _PREAMBLE + len(_MARK)] == _MARK and data[:2] not in _TIFF


def without_extra(what: str, error: ImportError) -> ImageReadError:
    """Return the error for something that needs the extra ``pacs``, which is not installed."""
    return ImageReadError(
        f"this is {what}; {WAY_OUT} (missing: {error.name})",
        code=ImageErrorCode.UNSUPPORTED.value,
    )


def encoded_field(data: bytes, frame: int = 0) -> EncodedField:
    """Return one frame of a DICOM file, as an encoded image with the same pixels.

    Raises ImageReadError: image_unsupported for what has no picture, or one that would not come
    out right, and where the extra is missing; image_corrupt and image_truncated for a broken one.
    """
    try:
        from allclient.dicom.fields import encode
    except ImportError as error:
        raise without_extra("a DICOM object", error) from error
    return encode(data, frame)


def slide_field(path: str, region: Region) -> EncodedField:
    """Return one field of a whole slide, as a PNG file with the same pixels.

    Raises ImageReadError.
    """
    try:
        from allclient.dicom.slide_regions import read
    except ImportError as error:
        raise without_extra("a field of a whole slide", error) from error
    return read(path, region)


def site(data: bytes) -> str:
    """Return the institution, the station or the application that made a DICOM file.

    It is empty where the file says none, or cannot be read, or is deflated. It names no patient.
    """
    try:
        from allclient.dicom import header
    except ImportError:
        return ""
    return header.site(data)


def study_uid(data: bytes) -> str:
    """Return the Study Instance UID of a DICOM file; empty where it cannot be read.

    A deflated object is not opened for it: what it unpacks to has no limit.
    """
    try:
        from allclient.dicom.header import study
    except ImportError:
        return ""
    return study(data)
