"""Tells the objects of a whole slide apart: its levels, of which one is read, and the others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import Dataset

from allclient.dicom.header import FILE_META, corrupt, is_deflated, unsupported
from allclient.errors import ImageReadError

FIELD_UM: Final = 130.0
"""The side of a field in micrometres: in the public set a red cell (7.2 um) is 12.3 of 224 pixels
wide (median of 80 fields)."""

KNOWN_UM: Final = FIELD_UM / 224
"""Micrometres a pixel that the networks know."""

MAX_UM: Final = 2 * KNOWN_UM
"""The coarsest level that is read."""

NO_LEVEL: Final = "a label, overview or thumbnail of a slide"

_READ: Final = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ContainerIdentifier",
    "ImageType",
    "PixelSpacing",
    "SharedFunctionalGroupsSequence",
    "ImagedVolumeWidth",
    "ImagedVolumeHeight",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixRows",
)


def read(path: Path) -> Dataset:
    """Return what the header of a slide says of its levels.

    Raises ImageReadError, whatever is broken.
    """
    try:
        with path.open("rb") as file:
            deflated = is_deflated(file.read(FILE_META))
        if not deflated:
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_READ))
    except OSError as error:
        raise ImageReadError(error.strerror or str(error)) from error
    except Exception as error:  # hostile bytes trip the parser in many ways
        raise corrupt(f"the slide cannot be parsed ({type(error).__name__})") from error
    raise unsupported("the slide is deflated as a whole; export it in another transfer syntax")


def is_level(header: Dataset) -> bool:
    """Return whether an object of a slide is one of its levels, and no label or overview."""
    kind = list(header.get("ImageType") or [])
    return len(kind) > 2 and str(kind[2]) == "VOLUME"


def slide_of(header: Dataset) -> str:
    """Return what the levels of one slide share: the frame of reference, or the container."""
    frame = header.get("FrameOfReferenceUID")
    return str(frame or header.get("ContainerIdentifier") or header.SeriesInstanceUID)


def nearest(sizes: list[float | None]) -> int | None:
    """Return which level to read, of levels with pixels of these sizes in micrometres.

    It is the coarsest one that is as fine as the networks know, or a fifth coarser. Without such a
    level it is the finest, and None if that is coarser than ``MAX_UM`` or no size is known.
    """
    known = {at: size for at, size in enumerate(sizes) if size}
    fine = {at: size for at, size in known.items() if size <= 1.2 * KNOWN_UM}
    if fine:
        return max(fine, key=lambda at: fine[at])
    finest = min(known, key=lambda at: known[at], default=None)
    return finest if finest is not None and known[finest] <= MAX_UM else None


def too_coarse() -> ImageReadError:
    """Make the error of a slide without a level that can be read."""
    return unsupported(
        "no level of the slide says the size of its pixels, or all are coarser than "
        f"{MAX_UM:.2f} micrometres; export it with a finer level"
    )


def empty() -> ImageReadError:
    """Make the error of a slide without cells."""
    return unsupported("the slide has no field with cells; it is empty glass or out of focus")
