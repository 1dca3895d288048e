"""Writes golden answers for the parity tests: what the Keras masters say about drawn images.

The drawn images are small and carry no patient; they are stored beside the answers so that a
change of the renderer does not change the reference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from convert import images, master
from samples import render

ANSWERS = "keras_answers.npz"
SEED = 77
HEIGHT = 224


def write(masters: dict[str, Path], folder: Path, count: int) -> None:
    """Write ``count`` drawn JPEG files and ANSWERS into ``folder``.

    ANSWERS holds ``names`` [n] in the order of the file names and, per backbone,
    ``<backbone>_logits`` float32 [n, 4] and ``<backbone>_cam`` float32 [n, side, side, 4].
    """
    folder.mkdir(parents=True, exist_ok=True)
    for drawn in render.images(count=count, seed=SEED, height=HEIGHT):
        (folder / f"{drawn.name}.jpg").write_bytes(render.encode(drawn.image))
    files = sorted(folder.glob("*.jpg"))
    pixels = images.decode(files)
    answers: dict[str, Any] = {"names": np.array([file.name for file in files])}
    for backbone, path in masters.items():
        answer = master.load(path).predict_on_batch(pixels)
        answers[f"{backbone}_logits"] = answer["LOGITS"].astype(np.float32)
        answers[f"{backbone}_cam"] = answer["CAM"].astype(np.float32)
    np.savez_compressed(folder / ANSWERS, **answers)
