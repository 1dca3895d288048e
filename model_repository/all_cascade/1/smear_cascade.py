"""Decides whom the cascade asks, and in what order.

Pure functions: no Triton. Of three votes two that are equal decide, so the last backbone is asked
only about images on whose label the first two disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
BENIGN: Final = 0

Array = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.bool_]
Said = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""The outputs of backbones, by their names and then by the names of the tensors."""


class OrderError(ValueError):
    """An order in config.pbtxt does not name every backbone once."""


def parse_order(text: str) -> tuple[str, str, str]:
    """Return the three names of the parameter ORDER, first asked first.

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
    """Return where one says benign and the other malignant: logits [n, 4] twice -> bool [n].

    So too where a number is not finite: then nothing has been said, and the vote, which sees all
    the answers, gives the reason.
    """
    finite = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    differ = (first.argmax(axis=1) == BENIGN) != (second.argmax(axis=1) == BENIGN)
    return np.asarray(differ | ~finite)


def taken(outputs_of: Said, rows: Rows) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Return what was said of some of the images: rows is bool [n]."""
    return {
        backbone: {name: values[rows] for name, values in outputs.items()}
        for backbone, outputs in outputs_of.items()
    }


def merged(parts: Sequence[tuple[Rows, Mapping[str, npt.NDArray[Any]]]]) -> dict[str, Any]:
    """Merge the tensors [n, ...] of all images from those of some of them each.

    parts: bool [n], which images, and their tensors. An image that is in no part gets zeros. A
    tensor with more rows for some images than for others (of cells) is ended by zeros.
    """
    whole: dict[str, npt.NDArray[Any]] = {}
    for name in {name: None for _, tensors in parts for name in tensors}:
        told = [(rows, tensors[name]) for rows, tensors in parts if name in tensors]
        shape = np.max([values.shape[1:] for _, values in told], axis=0)
        whole[name] = np.zeros((len(told[0][0]), *shape), told[0][1].dtype)
        for rows, values in told:
            padding = [(0, most - have) for most, have in zip(shape, values.shape[1:], strict=True)]
            whole[name][rows] = np.pad(values, [(0, 0), *padding])
    return whole


def without_padding(cells: Array) -> Array:
    """Cut CELLS or FEATURES [n, k, c] to as many rows as the field with most cells has.

    No cell has zeros alone.
    """
    return cells[:, : int(cells.any(axis=2).sum(axis=1).max(initial=0))]
