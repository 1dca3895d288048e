"""Reads a master and writes it as a SavedModel, the first step of every conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from convert import artifacts

BATCH = 16


class MasterError(ValueError):
    """The file is no master that can be converted."""


def load(path: Path) -> keras.Model:
    """Return the served model of a master, which maps PIXELS uint8 to LOGITS and CAM.

    Raises:
        MasterError: not a ``.keras`` file, or without these inputs and outputs.
    """
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise MasterError(
            f"{path} cannot be read as a .keras file: {error}; git checkout restores the released "
            "masters, python -m training fit makes new ones"
        ) from error
    outputs = sorted(model.output) if isinstance(model.output, dict) else []
    if outputs != ["CAM", "LOGITS"] or model.inputs[0].name != "PIXELS":
        raise MasterError(
            f"{path} does not take PIXELS and give LOGITS and CAM, but takes "
            f"{model.inputs[0].name} and gives {' and '.join(outputs) or 'unnamed outputs'}; "
            "python -m training fit makes masters"
        )
    return model


def record(path: Path) -> dict[str, Any]:
    """Return the name, hash and training record of a master, for the record of an artifact."""
    beside = path.with_suffix(".json")
    content: dict[str, Any] = {"file": path.name, "sha256": artifacts.sha256(path)}
    if beside.is_file():
        trained = json.loads(beside.read_text(encoding="utf-8"))
        keep = ("backbone", "seed", "made", "git_commit", "scores")
        content |= {key: trained[key] for key in keep if key in trained}
    return content


def export(model: keras.Model, folder: Path) -> None:
    """Write ``folder`` as a TensorFlow SavedModel with the signature PIXELS to LOGITS and CAM."""
    model.export(folder, format="tf_saved_model", verbose=False)


def answers(
    model: keras.Model, pixels: npt.NDArray[np.uint8]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return LOGITS [n, 4] and CAM [n, h, w, 4], float32, of pixels uint8 [n, side, side, 3]."""
    parts = [
        model.predict_on_batch(pixels[start : start + BATCH])
        for start in range(0, len(pixels), BATCH)
    ]
    return {
        name: np.concatenate([part[name] for part in parts]).astype(np.float32)
        for name in ("LOGITS", "CAM")
    }
