"""How a network does on the validation part, between epochs."""

from __future__ import annotations

import keras

from training.fitting.batches import Images
from training.nets.predict import logits
from training.scores import metrics


def validate(net: keras.Model, val: Images) -> dict[str, float]:
    """Loss and scores on whole fields, whatever the side of the training views."""
    answers = logits(net, val.pixels)
    scored = metrics.scores(val.targets, answers.argmax(1))
    return {
        "val_loss": metrics.nll(answers, val.targets),
        "val_accuracy": scored["accuracy"],
        "val_balanced_accuracy": scored["balanced_accuracy"],
    }
