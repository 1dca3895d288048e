"""Finds and replaces the dense head of an OpenVINO graph, and moves it to the front.

``features`` and ``with_head`` need the head where Keras has it, after the maps of all depths were
weighed, joined and averaged; ``early`` is the last step before a graph is written.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as ops

from convert.quantise.refit import Head, HeadError

BATCH: Final = 16

Pixels = npt.NDArray[np.uint8]


def head(model: ov.Model) -> Head:
    """Return the dense layer that ends in LOGITS.

    Raises:
        HeadError: the graph ends otherwise.
    """
    bias, product = _ending(model)
    kernel = constant(product.input_value(1))
    if product.get_attributes()["transpose_b"]:
        kernel = kernel.T
    return Head(np.array(kernel), np.array(constant(bias.input_value(1))).reshape(-1))


def features(model: ov.Model, pixels: Pixels, precision: str = "f32") -> Any:
    """Return what the head sees, float32 [n, channels]; see ``head`` for what it raises."""
    _, product = _ending(model)
    trunk = ov.Model([product.input_value(0)], model.get_parameters(), "trunk")
    part = ov.compile_model(trunk, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return np.concatenate(
        [
            np.array(part({0: pixels[start : start + BATCH]})[0])
            for start in range(0, len(pixels), BATCH)
        ]
    )


def with_head(model: ov.Model, new: Head) -> ov.Model:
    """Return a copy of ``model`` with another head, for LOGITS and for every place of CAM alike."""
    old = head(model)
    copy = model.clone()
    changed = 0
    for op in copy.get_ordered_ops():
        if op.get_type_name() != "MatMul":
            continue
        flipped = op.get_attributes()["transpose_b"]
        kernel = constant(op.input_value(1))
        if old.kernel.shape not in (kernel.shape, kernel.T.shape):
            continue
        if not np.array_equal(kernel.T if flipped else kernel, old.kernel):
            continue
        weights = new.kernel.astype(np.float32)
        placed = ops.constant(np.ascontiguousarray(weights.T if flipped else weights))
        op.input(1).replace_source_output(placed.output(0))
        (reader,) = op.output(0).get_target_inputs()
        shape = constant(reader.get_node().input_value(1)).shape
        bias = ops.constant(new.bias.astype(np.float32).reshape(shape))
        reader.get_node().input(1).replace_source_output(bias.output(0))
        changed += 1
    if changed != len(copy.outputs):
        raise HeadError(f"{changed} of the {len(copy.outputs)} outputs come from the same head")
    return copy


def early(model: ov.Model) -> ov.Model:
    """Return a graph with the same answers for less work: the head comes before the averaging.

    All that happens to a map before the head (its product with a weight of each position, average
    pooling, joining with others) is linear and the same for every channel. So the head's share of
    each map is a 1x1 convolution to 4 channels, and everything after it touches 4 channels in place
    of hundreds. OpenVINO also turned the joined map around twice for a matrix product.

    Raises:
        HeadError: LOGITS are not the mean of CAM over the positions.
    """
    copy = model.clone()
    _, product = _ending(copy)
    pooled, wide = product.input_value(0).get_node(), copy.output("CAM").get_node()
    turned = wide.input_value(0).get_node().input_value(0).get_node().input_value(0).get_node()
    if (
        pooled.get_type_name() != "ReduceMean"
        or turned.get_type_name() != "Transpose"
        or pooled.input_value(0) != turned.input_value(0)
    ):
        raise HeadError("LOGITS are not the mean of CAM over the positions")
    kernel, bias = (part.astype(np.float32) for part in head(copy))
    maps = ops.add(_projected(pooled.input_value(0), kernel), bias.reshape(1, -1, 1, 1))
    logits = mean(maps)
    cam = ops.transpose(maps, np.array([0, 2, 3, 1]))
    logits.output(0).get_tensor().set_names({"LOGITS"})
    cam.output(0).get_tensor().set_names({"CAM"})
    return ov.Model([logits.output(0), cam.output(0)], copy.get_parameters(), copy.get_name())


def mean(maps: Any) -> Any:
    """Return the mean of ``maps`` [n, 4, h, w] over their positions as the mean of blocks' means.

    OpenVINO adds up in 32 bits, one position after the other. Evidence of both signs, a hundred
    times the logits, cancels there: in one run over all positions that costs the fourth decimal.
    """
    blocks = [near_root(maps.get_output_partial_shape(0)[axis].get_length()) for axis in (2, 3)]
    means = ops.avg_pool(maps, blocks, [0, 0], [0, 0], blocks, True)
    return ops.reduce_mean(means, np.array([2, 3]), keep_dims=False)


def near_root(side: int) -> int:
    """Return the divisor of ``side`` that is nearest to its root; 1 of a prime."""
    return min((n for n in range(1, side + 1) if side % n == 0), key=lambda n: n + side // n)


def constant(value: Any) -> npt.NDArray[Any]:
    """Return what a constant input holds.

    Raises:
        HeadError: the input is not constant.
    """
    node = value.get_node()
    while node.get_type_name() in ("Convert", "Reshape"):
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        raise HeadError(f"{node.get_friendly_name()} is no constant")
    values: npt.NDArray[Any] = node.data
    return values


def _ending(model: ov.Model) -> tuple[Any, Any]:
    bias = model.output("LOGITS").get_node().input_value(0).get_node()
    product = bias.input_value(0).get_node() if bias.get_type_name() == "Add" else bias
    if bias.get_type_name() != "Add" or product.get_type_name() != "MatMul":
        raise HeadError(
            f"LOGITS come from {product.get_type_name()} and {bias.get_type_name()}, "
            "not from one dense layer with a bias"
        )
    return bias, product


def _projected(value: Any, kernel: npt.NDArray[np.float32]) -> Any:
    """Return ``value`` [n, channels, h, w] times ``kernel`` [channels, 4], as early as can be."""
    node = value.get_node()
    if node.get_type_name() == "Concat":
        joined = node.input_values()
        ends = np.cumsum([_channels(one) for one in joined])
        parts = map(_projected, joined, np.split(kernel, ends[:-1]))
        return functools.reduce(ops.add, parts)
    if node.get_type_name() == "AvgPool":
        how = node.get_attributes()
        return ops.avg_pool(
            _projected(node.input_value(0), kernel),
            how["strides"],
            how["pads_begin"],
            how["pads_end"],
            how["kernel"],
            how["exclude-pad"],
            how["rounding_type"],
            how["auto_pad"],
        )
    if (weighed := _weighed(value)) is not None:
        unweighed, weight = weighed
        return ops.multiply(_projected(unweighed, kernel), weight)
    filters = np.ascontiguousarray(kernel.T[:, :, None, None])
    return ops.convolution(value, filters, [1, 1], [0, 0], [0, 0], [1, 1])


def _weighed(value: Any) -> tuple[Any, Any] | None:
    """Return a map and the weight of its positions [n, 1, h, w] whose product ``value`` is."""
    if value.get_node().get_type_name() != "Multiply":
        return None
    factors = value.get_node().input_values()
    for one, other in (factors, reversed(factors)):
        if _channels(other) == 1:
            return one, other
    for one, other in (factors, reversed(factors)):
        if (inner := _weighed(other)) is not None:
            return ops.multiply(one, inner[0]).output(0), inner[1]
    return None


def _channels(value: Any) -> int:
    return int(value.get_partial_shape()[1].get_length())
