"""Loads masters as functions from pixels to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training.evaluation.measure.predict import BATCH, Model
from training.models import masters


def load(path: Path) -> Model:
    """Return the master in ``path``.

    Batches are filled up to one size where the backend compiles for each size anew (JAX).

    Raises:
        ValueError: the file is no master; the message names it.
    """
    try:
        model = masters.load(path)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a master: {error}") from error
    outputs = sorted(model.output) if isinstance(model.output, dict) else []
    if outputs != ["CAM", "LOGITS"]:
        raise ValueError(f"{path} does not give LOGITS and CAM, so it is no master")
    fill = keras.backend.backend() == "jax"

    def answer(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        count = len(pixels)
        if fill and count < BATCH:
            pixels = np.concatenate([pixels, np.repeat(pixels[:1], BATCH - count, 0)])
        outputs_of_all = model.predict_on_batch(pixels)
        logits, cam = (
            np.asarray(outputs_of_all[name], np.float32)[:count] for name in ("LOGITS", "CAM")
        )
        return logits, cam

    return answer
