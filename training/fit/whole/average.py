"""Keeps a running average of weights over the steps of a training.

The average takes in every weight that a model is saved with, the moving statistics of its batch
normalisations included: statistics of one moment beside averaged kernels would fit nothing. Keras's
own ``use_ema`` averages what is trained alone and forgets it with the optimizer between stages.
Averages of late weights generalise better than the last ones (Izmailov et al. 2018, arXiv
1803.05407); the rising decay at the start is that of TensorFlow's ExponentialMovingAverage.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

EVERY = 4
"""Steps between two updates: copying 22 million weights after every step costs up to a tenth of
the training, and four steps change next to nothing."""


class Average:
    """The weights of ``model``, averaged with ``decay`` per step."""

    def __init__(self, model: keras.Model, decay: float) -> None:
        self.decay = decay
        self.values: list[npt.NDArray[Any]] = [np.array(each) for each in model.get_weights()]
        self._model = model

    def update(self, step: int) -> None:
        """Take in the weights after ``step`` steps of the whole training (the first is 1)."""
        if step % EVERY:
            return
        decay = min(self.decay, (1 + step) / (10 + step)) ** EVERY
        for value, weight in zip(self.values, self._model.weights, strict=True):
            value += np.float32(1 - decay) * (keras.ops.convert_to_numpy(weight) - value)

    def restore(self, values: Sequence[npt.NDArray[Any]]) -> None:
        """Put back an average that was stored."""
        self.values = [np.array(value) for value in values]

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Put the average into the model for as long as the block runs."""
        own = self._model.get_weights()
        self._model.set_weights(self.values)
        try:
            yield
        finally:
            self._model.set_weights(own)
