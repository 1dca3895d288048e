"""Lists what the gateway takes in: SOP classes and transfer syntaxes."""

from __future__ import annotations

from typing import Final

from pydicom import uid

from allclient.dicom import header

FIELDS: Final = (
    uid.VLMicroscopicImageStorage,
    uid.VLSlideCoordinatesMicroscopicImageStorage,
    uid.VLPhotographicImageStorage,
)
"""Pictures through a microscope, as the standard has them."""

FLAGGED: Final = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
"""Accepted, and flagged in the report: nothing says that they are fields of a smear."""

SLIDES: Final = (header.WHOLE_SLIDE,)
"""Levels of whole-slide images: of each slide one level is cut into fields."""

STORED: Final = FIELDS + SLIDES + FLAGGED

# The sender picks; the first that it offers is taken.
TRANSFER_SYNTAXES: Final = tuple(
    sorted(header.READ, key=lambda syntax: (syntax not in header.NATIVE, str(syntax)))
)
