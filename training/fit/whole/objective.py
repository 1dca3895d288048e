"""Defines what a training step brings down: cross entropy, and the difference between two views.

Written with keras.ops as an ordinary loss, so that TensorFlow, JAX and torch train alike.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Objective(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Cross entropy over logits [n, 4], plus a consistency term where it is asked for.

    With ``consistency`` the second half of the batch holds other views of the fields of the first
    half, in the same order. Each view then also pays half of the symmetric Kullback-Leibler
    divergence between the answers to the two, times ``consistency``: what the field is must not
    depend on its stain.
    """

    def __init__(self, label_smoothing: float = 0.0, consistency: float = 0.0) -> None:
        super().__init__(name="objective")
        self.label_smoothing = label_smoothing
        self.consistency = consistency

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses [n] of soft targets [n, 4]; the caller weighs and averages them."""
        losses = keras.losses.categorical_crossentropy(
            y_true, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )
        if not self.consistency:
            return losses
        answer = ops.log_softmax(y_pred, axis=-1)
        first, second = ops.split(answer, 2, axis=0)
        other = ops.concatenate([second, first], axis=0)
        apart = ops.sum((ops.exp(answer) - ops.exp(other)) * (answer - other), axis=-1)
        return losses + self.consistency * apart / 2

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {"label_smoothing": self.label_smoothing, "consistency": self.consistency}


class LastLosses(keras.metrics.Metric):  # type: ignore[misc]  # Keras has no types
    """Cross entropy of each view of the last batch, float32 [views]: group DRO learns from it."""

    def __init__(self, views: int) -> None:
        super().__init__(name="losses", dtype="float32")
        self.last = self.add_variable((views,), initializer="zeros", name="last")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Keep the losses of this batch; the training weighs them by slide."""
        self.last.assign(
            keras.losses.categorical_crossentropy(y_true, ops.cast(y_pred, "float32"), True)
        )

    def result(self) -> Any:
        """Return the losses of the last batch."""
        return ops.convert_to_tensor(self.last)
