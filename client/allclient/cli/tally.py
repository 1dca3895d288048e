"""Counts a run and sums it up."""

from __future__ import annotations

import time
from collections.abc import Mapping

from allclient.contract import Label
from allclient.report import Row

NOTICE = (
    "Supports a reading by a pathologist and never replaces it; not a medical device. "
    "Every answer needs a pathologist's eye."
)


class Tally:
    """Counts of a run, and the sentence they make."""

    def __init__(self) -> None:
        self.benign = self.malignant = self.review = self.failed = 0
        self.begun = False
        self._since = time.monotonic()

    @property
    def classified(self) -> int:
        """How many images have an answer."""
        return self.benign + self.malignant

    def begin(self) -> None:
        """Start the clock, with the first image and not with the server's start."""
        self.begun = True
        self._since = time.monotonic()

    def count(self, row: Row) -> None:
        """Count one row."""
        if row.error is not None:
            self.failed += 1
        elif row.label == Label.MALIGNANT.value:
            self.malignant += 1
        else:
            self.benign += 1
        self.review += bool(row.review)

    def add(self, part: Mapping[str, int]) -> None:
        """Count many rows that were counted elsewhere."""
        self.benign += part["benign"]
        self.malignant += part["malignant"]
        self.review += part["review"]
        self.failed += part["failed"]

    def progress(self, todo: int) -> str:
        """Return how far a long run is, of ``todo`` images, in a line."""
        images = self.classified + self.failed
        speed = images / max(time.monotonic() - self._since, 1e-9)
        left = f", {(todo - images) / speed / 60:.0f} min left" if speed else ""
        return f"{images:,} of {todo:,}, {speed:.1f} images/s{left}"

    def sentence(self, *, before: int) -> str:
        """Return the summary; ``before`` is how many images an earlier run classified."""
        seconds = max(time.monotonic() - self._since, 1e-9)
        images = self.classified + self.failed
        earlier = f"; {before} classified by an earlier run" if before else ""
        return (
            f"{self.classified} classified: {self.malignant} malignant, {self.benign} benign; "
            f"{self.review} need review; {self.failed} failed{earlier}; "
            f"{seconds:.1f} s, {images / seconds:.1f} images/s"
        )
