"""Pictures of the cells of each laboratory that were read right, and of those that were not.

They show images of the data, whose terms are not those of this project: keep them out of it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.laboratories.table import Cells
from training.metrics.classification import Floats

ACROSS, DOWN = 12, 2
"""So many cells are shown of each kind."""
ZOOM = 2
HEADING = 28
GAP = 2
WHITE = 255

Rows = npt.NDArray[np.int64]
Rgb = npt.NDArray[np.uint8]


def write(cells: Cells, logits: Floats, folder: Path) -> list[Path]:
    """Write ``<source>.png`` for every source whose label is known; return the paths.

    Args:
        logits: [n], above 0 is malignant; NaN where a cell was not tested.
        folder: made if it is not there.
    """
    tested = ~np.isnan(logits) & (cells.malignant >= 0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for source in np.unique(cells.source[tested]):
        path = folder / f"{source}.png"
        drawn = drawing(cells, logits, tested & (cells.source == source))
        path.write_bytes(cv2.imencode(".png", drawn[..., ::-1])[1].tobytes())
        paths.append(path)
    return paths


def drawing(cells: Cells, logits: Floats, rows: npt.NDArray[np.bool_]) -> Rgb:
    """Return one picture of the cells in ``rows`` [n]: right and wrong of either label."""
    blocks = []
    for label, name in enumerate(("benign", "malignant")):
        of_label = rows & (cells.malignant == label)
        right = (logits > 0) == (label == 1)
        for kind, members in (("right", of_label & right), ("wrong", of_label & ~right)):
            if of_label.any():
                share = f"{members.sum():,} of {of_label.sum():,} cells of {name} pictures: {kind}"
                blocks += [_heading(share, cells.crops.rgb.shape[1])]
                blocks += _block(cells.crops.rgb[evenly(members, logits)])
    return np.concatenate(blocks)


def evenly(members: npt.NDArray[np.bool_], logits: Floats) -> Rows:
    """Return some of ``members`` [n], evenly spaced from the surest to the least sure."""
    ordered = np.flatnonzero(members)
    ordered = ordered[np.argsort(-np.abs(logits[ordered]), kind="stable")]
    count = min(len(ordered), ACROSS * DOWN)
    return ordered[np.linspace(0, len(ordered) - 1, count).round().astype(np.int64)]


def _block(windows: Rgb) -> list[Rgb]:
    lines = []
    for start in range(0, len(windows), ACROSS):
        part = windows[start : start + ACROSS]
        side = part.shape[1] * ZOOM
        line = np.full((side + GAP, ACROSS * (side + GAP), 3), WHITE, np.uint8)
        for place, window in enumerate(part):
            left = place * (side + GAP)
            line[:side, left : left + side] = cv2.resize(
                window, (side, side), interpolation=cv2.INTER_CUBIC
            )
        lines.append(line)
    return lines


def _heading(text: str, side: int) -> Rgb:
    line = np.full((HEADING, ACROSS * (side * ZOOM + GAP), 3), WHITE, np.uint8)
    cv2.putText(line, text, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return line
