"""Defines what is asked about one image, beside the image itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from tritonclient.grpc import InferRequestedOutput

from allclient.contract import ANSWER, FEATURES, RELEASE, SIZE
from allclient.errors import ConfigurationError

EXTRAS: Final = (SIZE, RELEASE)
"""Outputs that are asked about every image, and that servers of older versions do not have."""

WITH_FEATURES: Final = (*EXTRAS, FEATURES)
"""What is asked for beside the answer where the features of leukocytes are wanted."""

_SMALLEST: Final = 2.0**-126
_LARGEST: Final = 2.0**127
"""What the answer can hold in 32 bits."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question; ``cells`` asks for leukocytes, ``um_per_pixel`` is a pixel's size, if known.

    Raises:
        ConfigurationError: that size is no positive number.
    """

    cells: bool = False
    um_per_pixel: float | None = None
    extras: tuple[str, ...] = EXTRAS
    """The outputs that are asked for as long as the server has them."""

    def __post_init__(self) -> None:
        size = self.um_per_pixel
        if size is None:
            return
        number = isinstance(size, int | float) and not isinstance(size, bool)
        if not (number and _SMALLEST <= size <= _LARGEST):
            raise ConfigurationError(
                f"um_per_pixel is the size of a pixel in micrometres, a number above 0, "
                f"not {size!r}"
            )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that tell ``infer`` of tritonclient.

        Every output is named, since a server computes all that it has for who names none.
        """
        names = [*ANSWER, *(["CELLS"] if self.cells else []), *self.extras]
        told: dict[str, Any] = {"outputs": [InferRequestedOutput(name) for name in names]}
        if self.um_per_pixel is not None:
            told["parameters"] = {"um_per_pixel": repr(float(self.um_per_pixel))}
        return told

    def about(self, um_per_pixel: float | None) -> Question:
        """Return the question about a field whose file says the size of a pixel.

        What the user says goes first.
        """
        if um_per_pixel is None or self.um_per_pixel is not None:
            return self
        return replace(self, um_per_pixel=um_per_pixel)


PLAIN = Question()
"""The field's answer alone."""


def asked(cells: bool, um_per_pixel: float | None, *, features: bool) -> Question:
    """Return a question; features are those of cells, so who asks for them gets both.

    Raises:
        ConfigurationError: as of ``Question``.
    """
    if features:
        return Question(True, um_per_pixel, WITH_FEATURES)
    return Question(cells, um_per_pixel)
