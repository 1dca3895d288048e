"""The beginning of a voter's backbone as the released master has it, for pictures of any size.

The masters' layers before the head are their starting weights, unchanged, so a master is a start
for whoever has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from training.models import backbones, cells
from training.models.start import WeightsError

MASTERS = Path(__file__).resolve().parents[1] / "masters"


def of_master(
    backbone: str, taps: Sequence[str], side: int, master: Path | None = None
) -> keras.Model:
    """Return a model from PIXELS uint8 [n, side, side, 3] to averages and averaged squares.

    Both go over what is not blank (``models.cells``); first all averages of a tap, then all squares
    of it, then the next tap.

    Args:
        taps: those that the master was made with.
        master: a ``.keras`` file; the released one if None.

    Raises:
        WeightsError: no such file, or a master of another architecture.
        BackboneError: as of ``backbones.build``.
    """
    path = master or MASTERS / f"{backbone}.keras"
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    trunk, features = backbones.trunk(backbone, taps)
    try:
        stored = keras.saving.load_model(path, compile=False)
        features.set_weights(stored.get_layer(features.name).get_weights())
    except ValueError as error:
        raise WeightsError(f"{path} does not hold this architecture: {error}") from error
    pixels = keras.Input((side, side, 3), dtype="uint8", name="PIXELS")
    described = cells.described(pixels, keras.tree.flatten(trunk(pixels)))
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(described)
    return keras.Model(pixels, pooled, name=backbone)
