"""Whom the cascade asks, and in what order.

Pure functions: no Triton. Of three votes two that are equal decide, so the last backbone is asked
only about images on whose label the first two disagree.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
BENIGN: Final = 0

Array = npt.NDArray[np.floating[Any]]


class OrderError(ValueError):
    """An order in config.pbtxt that does not name every backbone once."""


def parse_order(text: str) -> tuple[str, str, str]:
    """The parameter ORDER: the three names, first asked first, with spaces between.

    Raises OrderError for anything else.
    """
    names = text.split()
    if sorted(names) != sorted(BACKBONES):
        raise OrderError(
            f"the parameter ORDER in config.pbtxt of all_cascade is {text!r}; "
            f"it must name {', '.join(BACKBONES)} once each, with spaces between"
        )
    first, second, third = names
    return first, second, third


def disagree(first: Array, second: Array) -> npt.NDArray[np.bool_]:
    """Where one says benign and the other malignant: logits [n, 4] twice -> bool [n].

    So too where a number is not finite: then nothing has been said, and the vote, which sees all
    the answers, gives the reason.
    """
    finite = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    differ = (first.argmax(axis=1) == BENIGN) != (second.argmax(axis=1) == BENIGN)
    return np.asarray(differ | ~finite)
