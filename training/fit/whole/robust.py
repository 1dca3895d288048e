"""Weighs slides with a high loss more (group DRO), so that no slide is given up for the mean.

The method is algorithm 1 of Sagawa et al., "Distributionally Robust Neural Networks", ICLR 2020,
arXiv 1911.08731: each group has a share q of the loss, and after every batch q of a group grows by
exp(step x its loss). Here the shares of one step follow from the losses up to the step before,
which keeps the update outside of the graph and the same on every backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class GroupWeights:
    """The shares of ``groups`` slides in the loss, and the weights of samples that follow."""

    def __init__(self, groups: int, step: float, shares: Sequence[float] | None = None) -> None:
        self.step = step
        self.shares = np.full(groups, 1 / groups) if shares is None else np.array(shares)

    def weights(self, members: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the weights [n] of samples whose groups are ``members`` [n].

        Their weighted mean loss is the sum over the groups of share times mean loss of the group.
        """
        counts = np.bincount(members, minlength=len(self.shares))
        return (self.shares[members] * len(members) / counts[members]).astype(np.float32)

    def learn(self, members: npt.NDArray[np.int64], losses: npt.NDArray[np.float32]) -> None:
        """Raise the shares of the groups in this batch by their mean losses [n]."""
        counts = np.bincount(members, minlength=len(self.shares))
        sums = np.bincount(members, losses.astype(float), minlength=len(self.shares))
        means = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
        exponent = self.step * means
        self.shares = self.shares * np.exp(exponent - exponent.max())
        self.shares /= self.shares.sum()
