"""Weighs maps of several depths so that their plain average describes leukocytes alone.

Most of a field is blank (``smear_density.render``), and how much of it is blank says how crowded
the smear is, not what its cells are like. So every map is multiplied by where there is something
to be seen and divided by the share of the field that this is: the average over all positions is
then the mean over leukocytes. The squares of the maps are added, whose average tells how much a
feature varies between and within cells, which one mean cannot: chromatin is texture.

All of this is ordinary arithmetic on maps. What follows stays global average pooling and one dense
layer, so that class activation maps come for free, and the saved model needs no class of this
project to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

BLANK_FROM = 245
"""A pixel whose channels all reach this level shows nothing."""

MIN_SHARE = 1e-3
"""Least share of the field, so that a field without leukocytes divides by something."""


def described(pixels: Any, maps: Sequence[Any]) -> Any:
    """Return the weighed maps and squares on the coarsest grid.

    They are float32 [n, h, w, 2 * channels of all maps].

    Args:
        pixels: uint8 [n, side, side, 3], what the backbone was given.
        maps: float32 [n, h, w, channels] each.
    """
    seen = ops.cast(ops.min(pixels, axis=-1, keepdims=True) < BLANK_FROM, "float32")
    coarsest = min(each.shape[1] for each in maps)
    parts = []
    for each in maps:
        visible = _on_grid(seen, each.shape[1])
        share = layers.GlobalAveragePooling2D(keepdims=True, dtype="float32")(visible)
        weight = visible / ops.maximum(share, MIN_SHARE)
        weighed = each * weight
        parts += [_coarser(weighed, coarsest), _coarser(each * weighed, coarsest)]
    return layers.Concatenate(dtype="float32", name="cells")(parts)


def _on_grid(seen: Any, side: int) -> Any:
    """Return the average in every cell of a [side, side] grid in the middle of the field.

    The field may be no multiple of it (unpadded convolutions of InceptionV3).
    """
    step = seen.shape[1] // side
    before = seen.shape[1] - step * side
    if before:
        sides = (before // 2, before - before // 2)
        seen = layers.Cropping2D((sides, sides), dtype="float32")(seen)
    return layers.AveragePooling2D(step, dtype="float32")(seen)


def _coarser(maps: Any, side: int) -> Any:
    """Halve maps [n, side, side, channels]; the last row of an odd number of rows stands alone."""
    times = -(-maps.shape[1] // side)
    pool = layers.AveragePooling2D(times, padding="same", dtype="float32")
    return maps if times == 1 else pool(maps)
