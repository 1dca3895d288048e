"""Computes 95% intervals by a bootstrap over groups.

Fields of one group share cells, so a bootstrap over fields would take the same cells for
independent ones and give intervals that are too narrow. Here whole groups are drawn, with
replacement and within their class: which classes there are was chosen, not found. An interval is
that of the percentiles; with few groups in a class it is still too narrow, and with a single one
there is none, so ``Resamples`` says how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.metrics.classification import Floats

RESAMPLES = 1000
LEVEL = 0.95
MAX_UNDEFINED = 0.05
"""An interval of which more resamples than this are undefined is none."""


@dataclass(frozen=True)
class Resamples:
    """Draws of whole groups."""

    place: npt.NDArray[np.int64]
    """[n], the group of each row."""
    counts: npt.NDArray[np.int64]
    """[resamples, groups], how often each group was drawn."""
    smallest: int
    """Groups in the class that has the fewest."""

    @property
    def weights(self) -> Floats:
        """Return how often each row was drawn, [resamples, n]."""
        return self.counts[:, self.place].astype(np.float64)

    def sums(self, values: npt.ArrayLike) -> Floats:
        """Return the sums [resamples, ...] over the rows drawn of values [n, ...]."""
        values = np.asarray(values, np.float64)
        grouped = np.zeros((self.counts.shape[1], *values.shape[1:]))
        np.add.at(grouped, self.place, values)
        return np.asarray(np.tensordot(self.counts, grouped, 1), np.float64)

    def means(self, values: npt.ArrayLike, where: npt.ArrayLike | None = None) -> Floats:
        """Return means [resamples] of values [n] over rows that ``where`` [n] picks; else NaN."""
        picked = np.ones(len(self.place)) if where is None else np.asarray(where, np.float64)
        total = self.sums(picked)
        part = self.sums(np.asarray(values, np.float64) * picked)
        means: Floats = np.divide(part, total, out=np.full(len(total), np.nan), where=total > 0)
        return means

    def interval(self, values: Floats) -> list[float] | None:
        """Return the percentile interval of a statistic's resamples [resamples].

        None where a class has a single group, where the statistic is too often undefined, and
        where it is the same in all resamples: that nothing went wrong in some groups does not
        show that nothing can, and an interval of no width would say so.
        """
        defined = values[~np.isnan(values)]
        if self.smallest < 2 or len(defined) < (1 - MAX_UNDEFINED) * len(values):
            return None
        if np.ptp(defined) == 0:
            return None
        tail = 100 * (1 - LEVEL) / 2
        return [float(end) for end in np.percentile(defined, [tail, 100 - tail])]


def resample(
    groups: npt.NDArray[np.str_],
    targets: npt.NDArray[np.int64],
    *,
    count: int = RESAMPLES,
    seed: int = 0,
) -> Resamples:
    """Draw groups [n] within the class [n] that most of their rows have."""
    names, place = np.unique(groups, return_inverse=True)
    place = place.reshape(-1).astype(np.int64)
    classes = np.zeros((len(names), int(targets.max(initial=0)) + 1), np.int64)
    np.add.at(classes, (place, targets), 1)
    strata = classes.argmax(1)
    rng = np.random.default_rng(seed)
    counts = np.zeros((count, len(names)), np.int64)
    sizes = []
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        even = np.full(len(members), 1 / len(members))
        counts[:, members] = rng.multinomial(len(members), even, size=count)
        sizes.append(len(members))
    return Resamples(place, counts, min(sizes, default=0))
