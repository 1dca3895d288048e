"""Takes the picture out of an uploaded DICOM object; its header, which names the patient, goes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from allclient.contract import MAX_IMAGE_BYTES
from allclient.dicom import encoded_field, study_uid
from allclient.errors import ImageReadError, RefusedError
from allclient.store.files import Files, Incoming

_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Objects in memory at the same time, each with its picture."""


@contextlib.contextmanager
def picture_of(
    files: Files, incoming: Incoming
) -> Iterator[tuple[Incoming, str | None, float | None]]:
    """Yield the picture of a DICOM object as a finished file, its study, and a pixel's size.

    The picture has the same pixels. The study is a UID, the size is in micrometres.

    Raises:
        RefusedError: the object has no picture that can be read here, or more than one, or the
            extra ``pacs`` is not installed.
    """
    with files.receive(MAX_IMAGE_BYTES) as picture:
        with _AT_ONCE:
            try:
                data = incoming.path.read_bytes()
                field = encoded_field(data)
            except ImageReadError as error:
                raise RefusedError(str(error)) from error
            if field.frames != 1:
                raise RefusedError(
                    f"the DICOM object holds {field.frames} pictures and a field is one; "
                    "save each picture as an object of its own"
                )
            study = study_uid(data) or None
            del data
            picture.write(field.data)
        picture.finish()
        yield picture, study, field.um_per_pixel
