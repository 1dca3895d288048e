"""Defines what one image's reading says, and what becomes of each of many."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allclient.cell import Cell
from allclient.contract import Backbone, Label, ReviewReason, Subtype
from allclient.errors import AllclientError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one image.

    It supports a reading by a pathologist and never replaces one; an answer with a non-empty
    ``review`` must not be used without one.

    ``label`` is the majority of the backbones' ``votes``, and ``subtype`` the stage. All
    probabilities are calibrated. ``ood_score`` is the share of the known validation images that
    are less unusual than this one. ``heatmap`` is the class activation map of ``subtype`` over the
    whole image. ``cells`` are the leukocytes that were found, None where nobody asked for them.
    """

    label: Label
    subtype: Subtype
    probabilities: dict[Subtype, float]
    """Calibrated, sum 1."""
    backbone_probabilities: dict[Backbone, dict[Subtype, float]]
    """Calibrated per backbone, each sums to 1; of those that voted."""
    votes: dict[Backbone, Subtype]
    """Three from ``all_ensemble``; two or three from ``all_cascade``, see ``contract``."""
    review: tuple[ReviewReason, ...]
    ood_score: float
    """0 to 1: the share of the known validation images that are less unusual than this one."""
    heatmap: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """float32 [7, 7], 0 to 1: class activation map of ``subtype`` over the whole image."""
    request_id: str = ""
    model_version: str = ""
    cells: tuple[Cell, ...] | None = field(default=None, repr=False)
    """The leukocytes that were found; None where they were not asked for."""
    um_per_pixel: float | None = None
    """The size of a pixel of the file in micrometres, as the user or the file says; else None."""
    release: str = ""
    """The name of what answered, by its content (``allclient.release``); empty if not known."""

    features: npt.NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """float32 [n, 64], how each of ``cells`` looks: the nearer two rows, the more alike the cells.
    None where they were not asked for, or an older server has none."""

    @property
    def leukocytes(self) -> int | None:
        """How many leukocytes were found; None where cells were not asked for."""
        return None if self.cells is None else len(self.cells)

    @property
    def malignant_leukocytes(self) -> int | None:
        """How many of them are labelled malignant; None where cells were not asked for."""
        if self.cells is None:
            return None
        return sum(cell.label is Label.MALIGNANT for cell in self.cells)

    @property
    def probability(self) -> float:
        """The calibrated probability of ``label``."""
        benign = self.probabilities[Subtype.BENIGN]
        return benign if self.label is Label.BENIGN else 1.0 - benign

    @property
    def needs_review(self) -> bool:
        """Whether a person has to look at the field before the answer is used."""
        return bool(self.review)


Source = str | os.PathLike[str] | bytes
"""One image: a path, or the encoded file itself as bytes."""


class Pipe(str):
    """The path of a pipe that a user named, to be read to its end however long that takes.

    Of many sources, any other path that turns out to be a pipe is refused: its writer may never
    come.
    """

    __slots__ = ()


class Remote(str):
    """The name of an image that is no file of its own here, such as a URL or a field of a slide.

    ``fetch`` returns its bytes; what it raises is an ImageReadError. ``um_per_pixel`` is the size
    of its pixels in micrometres, where somebody else than those bytes knows it.
    """

    __slots__ = ("fetch", "um_per_pixel")
    fetch: Callable[[], bytes]
    um_per_pixel: float | None

    def __new__(
        cls, name: str, fetch: Callable[[], bytes], um_per_pixel: float | None = None
    ) -> Remote:
        """Make the name and keep what fetches its bytes."""
        made = super().__new__(cls, name)
        made.fetch = fetch
        made.um_per_pixel = um_per_pixel
        return made


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image of many: either ``result`` or ``error``, never both."""

    source: Source = field(repr=False)  # a path may name a patient; bytes are pixels
    result: Result | None = None
    error: AllclientError | None = None

    def __post_init__(self) -> None:
        if (self.result is None) == (self.error is None):
            raise ValueError("an outcome has either a result or an error")

    def unwrap(self) -> Result:
        """Return the result, or raise the error."""
        if self.result is None:
            assert self.error is not None
            raise self.error
        return self.result
