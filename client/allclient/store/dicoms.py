"""Takes the picture out of an uploaded DICOM object; its header, which names the patient, goes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

from allclient.contract import MAX_IMAGE_BYTES
from allclient.dicom import encoded_field, site, study_uid
from allclient.errors import ImageReadError, RefusedError
from allclient.store.files import Files, Incoming

_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Objects in memory at the same time, each with its picture."""


class Origin(NamedTuple):
    """What is kept of the header of a DICOM object; nothing of it names a patient."""

    study_uid: str | None = None
    um_per_pixel: float | None = None
    site: str | None = None
    """The institution, the station or the application that made it."""


UNKNOWN: Final = Origin()
"""The origin of an image that is no DICOM object."""


@contextlib.contextmanager
def picture_of(files: Files, incoming: Incoming) -> Iterator[tuple[Incoming, Origin]]:
    """Yield the picture of a DICOM object as a finished file of the same pixels, and its origin.

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
            origin = Origin(study_uid(data) or None, field.um_per_pixel, site(data) or None)
            del data
            picture.write(field.data)
        picture.finish()
        yield picture, origin
