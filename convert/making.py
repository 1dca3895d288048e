"""Holds what making any artifact takes: images to fit and to judge on, the verdict, the record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from convert import artifacts, limits
from convert import master as masters
from convert.images import Fields
from convert.quantise import search

Say = Callable[[str], None]

TOOLS: Final = (
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "openvino",
    "nncf",
    "onnx",
    "onnxruntime",
    "onnxsim",
    "tf2onnx",
)


class ConversionError(ValueError):
    """The converted model does not answer as its master does; nothing was written."""


def divide(train: Fields, val: Fields) -> tuple[Fields, Fields]:
    """Return images to fit on, and images to judge on.

    Those to judge on are the validation part and every fifth training image.

    A head has up to 1,536 weights a class, so those to fit on are mirrored: on drawn fields, unlike
    any of them, InceptionV3's INT8 is then 0.007 off on average instead of 0.038.
    """
    fit, held = search.split(train)
    return fit.mirrored(), Fields(
        np.concatenate([val.pixels, held.pixels]),
        np.concatenate([val.quality, held.quality]),
        np.concatenate([val.classes, held.classes]),
        "val and a fifth of train",
        val.source,
    )


Known = tuple[Fields, npt.NDArray[np.float32]]
"""Fields, and the master's logits for them."""


def int8(model: search.Found) -> str:
    """Return what the record and the user are told about an INT8 model."""
    floating = len(model.floating)
    kept = f" and {floating} of {model.layers} convolutions" if floating else ""
    return f"INT8; head{kept} in floating point" + (", head fitted anew" if model.refitted else "")


def logits(model: Any, master: Path, fields: Fields) -> npt.NDArray[np.float32]:
    """Return the master's logits [n, 4] for fields, computed once in each process."""
    key = (artifacts.sha256(master), hashlib.sha256(fields.pixels.data).hexdigest())
    if key not in _ANSWERS:
        _ANSWERS[key] = masters.answers(model, fields.pixels)["LOGITS"]
    return _ANSWERS[key]


_ANSWERS: dict[tuple[str, str], npt.NDArray[np.float32]] = {}
"""One command makes several artifacts of one master and asks Keras once about the same images."""


def refuse(distance: limits.Distance, limit: limits.Limit, master: Path, what: str) -> None:
    """Raise ConversionError where an artifact is beyond its limit."""
    if missed := distance.misses(limit):
        raise ConversionError(
            f"{what} of {master.name} does not answer as Keras on {distance.images} images: "
            f"{'; '.join(missed)}; nothing was written"
        )


def half(judge: Fields) -> limits.Limit:
    """Return a limit of half the distance that parity allows, because it judges other images."""
    mean = search.enough(None, judge.margin).mean_abs
    return limits.HALF._replace(mean_abs=mean)


def told(text: str, distance: limits.Distance, held_back: list[str]) -> str:
    """Return a sentence for the user on what was made."""
    warning = f"; NOT FOR SERVING: {'; '.join(held_back)}" if held_back else ""
    return f"{text}; same class as Keras on {distance.equal_argmax:.2%}{warning}"


def judged(
    fit: Fields, judge: Fields, distance: limits.Distance, held_back: list[str]
) -> dict[str, Any]:
    """Return what the record says about the images and the distance from Keras."""
    return {
        "calibration_images": fit.record(),
        "judged_on": judge.record(),
        "distance_from_keras": distance.record(),
        "for_serving": not fit.drawn and not held_back,
        "held_back": held_back,
    }


def record(
    folder: Path, kind: str, files: list[str], master: Path, precision: str, **more: Any
) -> None:
    """Write the artifact's record, ``artifacts.RECORD``, into its folder."""
    about = masters.record(master)
    versions = artifacts.versions(*TOOLS)
    artifacts.write(folder, kind, files, about, precision=precision, versions=versions, **more)
