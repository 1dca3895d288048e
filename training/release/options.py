"""Says what a release is made of, and where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PHASES = ("split", "fit", "convert", "calibrate", "evaluate", "repository", "serve", "report")
"""The steps in their order; fit and convert are a step for each backbone."""
RECORDS = "steps"
"""Folder of the stamps, which also tells that a folder was written by a release."""


class ReleaseError(ValueError):
    """The release cannot be made as asked for, or a step of it failed."""


@dataclass(frozen=True)
class Options:
    """A release: the images, the folder it goes to, and what decides the outcome."""

    data: Path
    out: Path
    start: Path
    """Folder of <backbone>.keras or <backbone>.weights.h5: the layers before the heads."""
    patients: Path | None = None
    level: str | None = None
    seed: int = 0
    views: int | None = None
    min_images: int = 10
    """The fewest readable images of a class."""
    proof: int = 8
    """Test images that the server classifies at the end."""

    @property
    def images(self) -> Path:
        """The data set of links, under the name of the folder that was given."""
        return self.out / "data" / self.data.resolve().name

    @property
    def answers(self) -> Path:
        """The file of what the server said about test images."""
        return self.out / "answers.csv"

    def start_of(self, backbone: str) -> Path:
        """Return the file that holds a backbone's early layers.

        Raises:
            ReleaseError: there is none.
        """
        for ending in (".keras", ".weights.h5"):
            path = self.start / f"{backbone}{ending}"
            if path.is_file():
                return path
        raise ReleaseError(
            f"{self.start} has neither {backbone}.keras nor {backbone}.weights.h5; --start names "
            "a folder with the starting weights of all three backbones"
        )

    def check(self) -> None:
        """Check that the folders can be those of a release.

        Raises:
            ReleaseError: they cannot.
        """
        data, out = self.data.resolve(), self.out.resolve()
        if out.is_relative_to(data):
            raise ReleaseError(f"{self.out} lies in {self.data}; write to a folder outside of it")
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / RECORDS).is_dir():
            raise ReleaseError(
                f"{self.out} is not empty and no release was written there; name a new folder"
            )
        if not any(data.iterdir()):
            raise ReleaseError(f"{self.data} is empty")
