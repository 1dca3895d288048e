"""Reads a master and writes it as a SavedModel, the first step of every conversion."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras


class MasterError(ValueError):
    """The file is no master that can be converted."""


def load(path: Path) -> keras.Model:
    """The served model: PIXELS uint8 to LOGITS and CAM.

    Raises:
        MasterError: not a ``.keras`` file, or without these inputs and outputs.
    """
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise MasterError(f"{path} cannot be read as a .keras file: {error}") from error
    outputs = sorted(model.output) if isinstance(model.output, dict) else []
    if outputs != ["CAM", "LOGITS"] or model.inputs[0].name != "PIXELS":
        raise MasterError(f"{path} does not take PIXELS and give LOGITS and CAM")
    return model


def record(path: Path) -> dict[str, Any]:
    """Name, hash and training record of a master, for the provenance of what is made of it."""
    beside = path.with_suffix(".json")
    found: dict[str, Any] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    if beside.is_file():
        trained = json.loads(beside.read_text(encoding="utf-8"))
        keep = ("backbone", "seed", "made", "git_commit", "scores")
        found |= {key: trained[key] for key in keep if key in trained}
    return found


def export(model: keras.Model, folder: Path) -> None:
    """Write ``folder`` as a TensorFlow SavedModel with the signature PIXELS to LOGITS and CAM."""
    model.export(folder, format="tf_saved_model", verbose=False)
