"""Defines what is asked about one image, beside the image itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tritonclient.grpc import InferRequestedOutput

from allclient.contract import ANSWER
from allclient.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Question:
    """A question; ``cells`` asks for leukocytes, ``um_per_pixel`` is a pixel's size, if known.

    Raises:
        ConfigurationError: that size is no positive number.
    """

    cells: bool = False
    um_per_pixel: float | None = None

    def __post_init__(self) -> None:
        size = self.um_per_pixel
        if size is None:
            return
        number = isinstance(size, int | float) and not isinstance(size, bool)
        if not (number and math.isfinite(size) and size > 0):
            raise ConfigurationError(
                f"um_per_pixel is the size of a pixel in micrometres, a number above 0, "
                f"not {size!r}"
            )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that tell ``infer`` of tritonclient.

        Every output is named, since a server computes all that it has for who names none.
        """
        names = [*ANSWER, "CELLS"] if self.cells else [*ANSWER]
        told: dict[str, Any] = {"outputs": [InferRequestedOutput(name) for name in names]}
        if self.um_per_pixel is not None:
            told["parameters"] = {"um_per_pixel": repr(float(self.um_per_pixel))}
        return told


PLAIN = Question()
"""The field's answer alone."""
