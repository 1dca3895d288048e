"""Asks a backbone about whole fields."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt


def logits(model: keras.Model, pixels: npt.NDArray[np.uint8], batch: int = 32) -> npt.NDArray[Any]:
    """Return the logits float32 [n, 4] of fields uint8 [n, side, side, 3]."""
    parts = []
    for start in range(0, len(pixels), batch):
        answer = model.predict_on_batch(pixels[start : start + batch])
        parts.append(answer["LOGITS"] if isinstance(answer, dict) else answer)
    return np.concatenate(parts).astype(np.float32)
