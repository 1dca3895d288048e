"""Measures how a backbone does on the validation part, between epochs."""

from __future__ import annotations

import keras

from training.fit.batches import Images
from training.metrics import classification
from training.models.predict import logits


def validate(model: keras.Model, val: Images) -> dict[str, float]:
    """Return loss and scores on whole fields, whatever the side of the training views."""
    answers = logits(model, val.pixels)
    scored = classification.scores(val.targets, answers.argmax(1))
    return {
        "val_loss": classification.nll(answers, val.targets),
        "val_accuracy": scored["accuracy"],
        "val_balanced_accuracy": scored["balanced_accuracy"],
    }
