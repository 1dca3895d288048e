"""Gathers what a report is made of: the images of one study and what was read of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from allclient.cases import Case, summarize
from allclient.dicom.regions import Region
from allclient.errors import ImageRejectedError
from allclient.pacs.answers import Reading
from allclient.pacs.classes import FLAGGED
from allclient.result import Outcome, Result

NOTICE: Final = (
    "Made by software (allclient) for a pathologist, who reads the images and decides. "
    "Not a medical device. Not for diagnosis."
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image object: its header without pixels, and what was read of its frames."""

    header: Dataset
    readings: list[Reading]

    @property
    def flagged(self) -> bool:
        """Whether nothing says that it is a field of a smear."""
        return self.header.SOPClassUID in FLAGGED

    @property
    def frames(self) -> int:
        """The number of frames."""
        return int(self.header.get("NumberOfFrames") or 1)


@dataclass(frozen=True, slots=True)
class Field:
    """One frame with a result."""

    image: Image
    frame: int
    result: Result
    region: Region | None = None

    @property
    def name(self) -> str:
        """What it is called in a report: numbers alone, nothing of the patient."""
        number = self.image.header.get("InstanceNumber")
        name = f"image {number}" if number is not None else "image"
        if self.region is not None:
            return f"{name}, field at {self.region.left}, {self.region.top}"
        return name if self.image.frames == 1 else f"{name}, frame {self.frame + 1}"

    @property
    def place(self) -> str:
        """What tells it from the other fields of its image."""
        region = self.region
        return str(self.frame) if region is None else ",".join(str(length) for length in region)

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height in pixels."""
        if self.region is not None:
            return self.region.width, self.region.height
        return int(self.image.header.Columns), int(self.image.header.Rows)


@dataclass(frozen=True, slots=True)
class StudyReading:
    """The images of a study in the order of their numbers, and how many more were not read."""

    study: str
    images: list[Image]
    not_read: int

    @property
    def fields(self) -> list[Field]:
        """The frames that have a result."""
        return [
            Field(image, reading.frame, reading.result, reading.region)
            for image in self.images
            for reading in image.readings
            if reading.result is not None
        ]

    @property
    def case(self) -> Case:
        """Return all of it as one case; what was not read counts as failed."""
        failure = ImageRejectedError("not read")
        return summarize(
            [
                *(Outcome(field.name, field.result) for field in self.fields),
                *(Outcome("", error=failure) for _ in range(self.frames_not_read)),
            ]
        )

    @property
    def frames_not_read(self) -> int:
        """Return images of which nothing was read, and single frames."""
        frames = sum(reading.result is None for image in self.images for reading in image.readings)
        return self.not_read + frames
