"""Computes logits of the backbones that the server runs: the INT8 IR of the model repository."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES

BATCH = 8
CONVERTED = "openvino_int8"
"""Where ``python -m convert openvino`` puts an IR, in the folder of its backbone."""


class ServedError(ImportError):
    """OpenVINO is missing."""


def files(folder: Path, below: str = "1") -> list[Path]:
    """Return the three backbones' ``folder/<backbone>/<below>/model.xml``, in BACKBONES' order.

    Raises:
        FileNotFoundError: one is missing; the message says which.
    """
    paths = [folder / backbone.value / below / "model.xml" for backbone in BACKBONES]
    for path in paths:
        for part in (path, path.with_suffix(".bin")):
            if not part.is_file():
                raise FileNotFoundError(f"{part} is missing; python -m convert writes it")
    return paths


def logits(path: Path, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return what one backbone says about fields uint8 [n, 224, 224, 3]: float32 [n, 4].

    Its float parts run in float32. On a CPU with bfloat16 the server's run in that by default, and
    its answers differ a little; thresholds must not depend on the CPU that fitted them.

    Raises:
        ServedError: OpenVINO is not installed.
    """
    try:
        import openvino as ov
    except ImportError as error:
        raise ServedError(
            "the served backbones need OpenVINO: pip install 'allclient[convert]'"
        ) from error
    backbone = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    parts = [
        np.array(backbone({"PIXELS": pixels[start : start + BATCH]})["LOGITS"])
        for start in range(0, len(pixels), BATCH)
    ]
    answers: npt.NDArray[np.float32] = np.concatenate(parts).astype(np.float32)
    return answers


def digest(path: Path) -> str:
    """Return SHA-256 over a backbone's graph and weights."""
    return hashlib.sha256(path.read_bytes() + path.with_suffix(".bin").read_bytes()).hexdigest()
