"""Adds channel attention between feature extractor and pooling, from ordinary Keras layers.

The maps are weighed by channel and stay maps, so the head applied at every position still averages
to the logits, and the saved model needs no class of this project to be read.
"""

from __future__ import annotations

import math
from typing import Any

from keras import layers


def apply(kind: str, maps: Any) -> Any:
    """Return maps float32 [n, h, w, c], weighed by "eca" or "se"; unchanged for "none".

    Raises:
        ValueError: another kind.
    """
    if kind == "none":
        return maps
    if kind not in _GATES:
        raise ValueError(f"attention {kind!r} is none of none, {', '.join(_GATES)}")
    return layers.Multiply(dtype="float32", name="attended")([maps, _GATES[kind](maps)])


def _squeeze_and_excite(maps: Any) -> Any:
    """Apply two dense layers to the channel means (Hu et al. 2018), reduction 16.

    The paper is arXiv 1709.01507.
    """
    channels = maps.shape[-1]
    mean = layers.GlobalAveragePooling2D(keepdims=True, dtype="float32", name="se_mean")(maps)
    small = layers.Dense(max(channels // 16, 4), "relu", dtype="float32", name="se_reduce")(mean)
    return layers.Dense(channels, "sigmoid", dtype="float32", name="se_expand")(small)


def _efficient(maps: Any) -> Any:
    """Apply one convolution along the channels (Wang et al. 2020, arXiv 1910.03151).

    Its width grows with the logarithm of the channels as in the paper (gamma 2, b 1), odd.
    """
    channels = maps.shape[-1]
    width = int(abs((math.log2(channels) + 1) / 2))
    width += 1 - width % 2
    mean = layers.GlobalAveragePooling2D(dtype="float32", name="eca_mean")(maps)
    line = layers.Reshape((channels, 1), dtype="float32", name="eca_line")(mean)
    gate = layers.Conv1D(
        1, width, padding="same", use_bias=False, activation="sigmoid", dtype="float32", name="eca"
    )(line)
    return layers.Reshape((1, 1, channels), dtype="float32", name="eca_gate")(gate)


_GATES = {"eca": _efficient, "se": _squeeze_and_excite}
