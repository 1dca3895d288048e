"""Reads what a C-STORE brings as far as receiving needs: a file to keep, and three names.

Nothing is decoded but the names, and of the file's head nothing is encoded twice.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, Final

import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pynetdicom import evt
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from allclient.pacs.received import Received

_INSTANCE: Final = b"\x02\x00\x03\x00UI"
"""Begins Media Storage SOP Instance UID in a file; its length follows in two bytes."""

_NAMES: Final = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID"]
_TAGS: Final[list[BaseTag | int]] = [Tag(name) for name in _NAMES]
_PIXELS: Final = {Tag(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")}


def as_file(event: evt.Event) -> bytes:
    """Return the object as it came, as a DICOM file (part 10)."""
    request: Any = event.request
    instance = str(request.AffectedSOPInstanceUID).encode("ascii")
    head, tail = _file_head(
        str(request.AffectedSOPClassUID), str(event.context.transfer_syntax), len(instance)
    )
    return b"".join((head, instance, tail, request.DataSet.getbuffer()))


@lru_cache(256)
def _file_head(sop_class: str, transfer_syntax: str, length: int) -> tuple[bytes, bytes]:
    """Return the start of a file before and after an instance's UID of this length."""
    meta = encode_file_meta(
        create_file_meta(
            sop_class_uid=uid.UID(sop_class),
            sop_instance_uid=uid.UID("1" * length),
            transfer_syntax=uid.UID(transfer_syntax),
        )
    )
    at = meta.index(_INSTANCE) + len(_INSTANCE) + 2
    return bytes(128) + b"DICM" + meta[:at], meta[at + length :]


def named(event: evt.Event, data: bytes) -> Received | None:
    """Return the names of the object, whose file ``data`` is; None if one is missing.

    All of its header is gone through. What that raises says that the object is no DICOM.
    """
    names = _header(event, data)
    if not all(name in names for name in _NAMES):
        return None
    return Received(
        instance=str(names.SOPInstanceUID),
        study=str(names.StudyInstanceUID),
        sop_class=str(names.SOPClassUID),
        peer=event.assoc.requestor.ae_title,
    )


def _header(event: evt.Event, data: bytes) -> Dataset:
    syntax = uid.UID(event.context.transfer_syntax)
    if syntax.is_deflated:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=_TAGS)
    request: Any = event.request
    request.DataSet.seek(0)
    return read_dataset(
        request.DataSet,
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        stop_when=lambda tag, _vr, _length: tag in _PIXELS,
        specific_tags=_TAGS,
    )
