"""Finds the dense head of an ONNX voter, and which nodes belong to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from convert.onnx import onnx_file
from convert.quantise.refit import Head, HeadError

CONVOLUTION = "Conv"


def outside_trunk(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes before the first convolution and of those of the head.

    They cost next to nothing and decide most, so they stay in 32 bits.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    makers = {name: node for node in model.graph.node for name in node.output}

    def reaches(node: onnx.NodeProto) -> bool:
        """Return a convolution comes after the node, or is it."""
        return node.op_type == CONVOLUTION or any(
            reaches(reader) for name in node.output for reader in readers.get(name, [])
        )

    def comes(node: onnx.NodeProto) -> bool:
        """Return a convolution comes before the node, or is it."""
        return node.op_type == CONVOLUTION or any(
            comes(makers[name]) for name in node.input if name in makers
        )

    trunk = ("Clip", "Relu", "MaxPool", "AveragePool", "Concat")
    return [
        node.name
        for node in model.graph.node
        if not comes(node) or (not reaches(node) and node.op_type not in trunk)
    ]


def head(model: onnx.ModelProto) -> Head:
    """Return the dense layer that ends in LOGITS.

    Raises:
        HeadError: the graph ends otherwise.
    """
    product, bias = _ending(model)
    return Head(_value(model, product.input[1]), _value(model, bias).reshape(-1))


def features(model: onnx.ModelProto, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return what the head sees, float32 [n, channels], computed by ONNX Runtime on the CPU."""
    product, _ = _ending(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.add(name=product.input[0])
    return onnx_file.run(onnx_file.session(copy), pixels)[product.input[0]]


def with_head(model: onnx.ModelProto, new: Head) -> onnx.ModelProto:
    """Return a copy of ``model`` with another head, for LOGITS and for every place of CAM alike."""
    old = head(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    changed = 0
    for tensor in copy.graph.initializer:
        value = numpy_helper.to_array(tensor)
        for before, after in zip(old, new, strict=True):
            if value.shape == before.shape and np.array_equal(value, before):
                tensor.CopyFrom(numpy_helper.from_array(after.astype(np.float32), tensor.name))
                changed += 1
    products = [node for node in copy.graph.node if node.op_type in ("MatMul", "Gemm")]
    used = {name for node in products for name in node.input}
    if not 2 <= changed <= 4 or len(products) != 2 or not used & _names(copy):
        raise HeadError(f"{changed} weights and biases of the head were found, not one of each")
    onnx_file.check(copy)
    return copy


def _ending(model: onnx.ModelProto) -> tuple[onnx.NodeProto, str]:
    makers = {name: node for node in model.graph.node for name in node.output}
    last = makers["LOGITS"]
    if last.op_type == "Add":
        for name, other in (tuple(last.input), tuple(reversed(last.input))):
            product = makers.get(name)
            if product is not None and product.op_type == "MatMul" and other in _names(model):
                return product, other
    raise HeadError(f"LOGITS come from {last.op_type}, not from one dense layer with a bias")


def _names(model: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}


def _value(model: onnx.ModelProto, name: str) -> npt.NDArray[np.float32]:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor).astype(np.float32)
    raise HeadError(f"{name} is no constant")
