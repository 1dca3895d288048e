"""Describes what known fields look like: typical quality values of every slide, and a distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from allclient.contract import QUALITY_FIELDS

FIELDS = (
    "background_red",
    "background_green",
    "background_blue",
    "cells_red",
    "cells_green",
    "cells_blue",
    "nuclei_density",
    "red_cell_size",
    "red_cell_aspect",
)
"""Lamp and stain, and what tells one laboratory's fields from another's besides: how dark nuclei
are in them, how large red cells, and how wide for their height: a whole field of another camera,
squashed to a square, has red cells of another shape."""

PER_SLIDE = 8
"""Typical fields kept of one slide: a slide has thick and thin, bright and dim places."""

MIN_FIELDS = 4
"""A typical field stands for this many images or more."""

SHRINK = 0.1
"""How far the spread within slides is drawn towards independent values, so that no direction
counts without measure."""

EXPOSURE = 0.15
"""How much the six colours may grow or shrink together: fields of one slide under a dimmer lamp,
or with another setting of the camera, still count as known. On slides left out this costs
nothing."""


def fit(
    quality: npt.NDArray[np.float32], slides: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit typical fields [m, 9] and the whitening [9, 9] of known fields' quality [n, Q].

    Args:
        slides: [n]; fields of one name are taken for one slide, "" included. The distance is
            measured in units of the spread within slides, not between them: a new slide has to
            stand out against what one slide varies by.
    """
    values = quality[:, [QUALITY_FIELDS.index(name) for name in FIELDS]].astype(np.float64)
    names, place = np.unique(slides, return_inverse=True)
    means = np.stack([values[place == at].mean(0) for at in range(len(names))])
    within = values - means[place]
    spread = within.T @ within / max(1, len(values) - len(names))
    # A value that never varies would weigh without bound.
    least = np.diag((1e-3 * np.abs(values).mean(0) + 1e-6) ** 2)
    spread = (1 - SHRINK) * spread + SHRINK * np.diag(np.diag(spread)) + least
    together = values.mean(0) * [name.startswith(("background_", "cells_")) for name in FIELDS]
    spread += EXPOSURE**2 * np.outer(together, together)
    whitening = np.linalg.cholesky(np.linalg.inv(spread))
    known = [
        _typical(values[place == at] @ whitening) @ np.linalg.inv(whitening)
        for at in range(len(names))
    ]
    return np.concatenate(known), whitening


def _typical(fields: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    count = min(PER_SLIDE, max(1, len(fields) // MIN_FIELDS))
    centres: npt.NDArray[np.float64] = (
        KMeans(count, n_init=4, random_state=0).fit(fields).cluster_centers_
    )
    return centres


def as_json(
    known: npt.NDArray[np.float64],
    whitening: npt.NDArray[np.float64],
    quantiles: list[float],
) -> dict[str, Any]:
    """Return the policy's ``ood.look``, rounded to what a measurement is worth."""
    return {
        "fields": list(FIELDS),
        "known": [[float(f"{value:.5g}") for value in row] for row in known],
        "whitening": [[float(f"{value:.6g}") for value in row] for row in whitening],
        "quantiles": quantiles,
    }
