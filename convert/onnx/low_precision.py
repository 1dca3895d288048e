"""Makes ONNX models in FP16 and in INT8 with explicit Q/DQ nodes, of which TensorRT builds engines.

TensorRT 11 takes every type from the network, TensorRT 10 does so when it is told to; there is no
other way to FP16 and INT8 that both know. Activations are quantised to signed numbers around zero,
one scale a tensor, and weights with one scale a channel, because that is what TensorRT takes;
NNCF's ONNX quantiser gives unsigned ones and scales a channel for depthwise convolutions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from convert.onnx import onnx_file, onnx_head
from convert.quantise import refit
from convert.quantise.refit import Head

TOLERANCE_INT8: Final = 0.0025
"""Mean difference of a probability that INT8 here is to reach, nearer than ``search.TOLERANCE``.

Signed numbers leave an activation, which is never negative, 7 of the 8 bits. Xception, 0.0029 off
on what it was chosen by, was 0.0043 off on the test part and lost two of its 487 images."""

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its trunk in FP16; input scaling and head stay in FP32.

    PIXELS, LOGITS and CAM keep their types.

    ONNX Runtime's converter was tried: it rounds between the nodes that are to stay in FP32 too,
    and so puts 25 casts and FP16 logits where two casts do.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    outside = set(onnx_head.outside_trunk(model))
    trunk = [node for node in copy.graph.node if node.name not in outside]
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    made = {name for node in trunk for name in node.output}
    casts: dict[str, onnx.NodeProto] = {}
    for node in copy.graph.node:
        inside = node.name not in outside
        for place, name in enumerate(node.input):
            if inside and name in constants:
                if constants[name].data_type == onnx.TensorProto.FLOAT:
                    node.input[place] = _halved(copy, constants[name])
            elif name and inside != (name in made):
                kind = onnx.TensorProto.FLOAT16 if inside else onnx.TensorProto.FLOAT
                target = f"{name}/{'half' if inside else 'float'}"
                casts[target] = onnx.helper.make_node("Cast", [name], [target], target, to=kind)
                node.input[place] = target
    _place(copy.graph, casts.values())
    _drop_unused(copy.graph)
    onnx_file.check(copy)
    return copy


def half_refitted(model: onnx.ModelProto, pixels: Pixels, logits: Floats) -> onnx.ModelProto:
    """Return the ``half`` model, with its head fitted to ``logits`` where that does better.

    The logits [n, 4] are those of the float model for ``pixels``.

    A model that does not end in one dense layer keeps its end as it is.
    """
    rounded = half(model)
    try:
        new = refit.solve(onnx_head.features(rounded, pixels), logits, onnx_head.head(rounded))
        return onnx_head.with_head(rounded, new)
    except refit.HeadError:
        return rounded


class Quantiser:
    """Makes INT8 versions of one ONNX model; ``convert.quantise.search`` chooses one of them."""

    def __init__(self, model: onnx.ModelProto, pixels: Pixels) -> None:
        """Take the model, and pixels uint8 [n, side, side, 3] that give the ranges."""
        self.model = model
        self.pixels = pixels

    def layers(self) -> list[str]:
        """Return the names of the convolutions, in the order of the graph."""
        return [node.name for node in self.model.graph.node if node.op_type == "Conv"]

    def quantise(self, floating: Sequence[str], *, correct: bool = True) -> onnx.ModelProto:
        """Put Q/DQ before every convolution that is not named in ``floating``.

        ``correct`` has no meaning here: ONNX Runtime corrects no biases, the fitted head does.
        """
        del correct
        from onnxruntime.quantization import (
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )

        class Images(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self, pixels: Pixels) -> None:
                self.rest: Iterator[Any] = iter(pixels)

            def get_next(self) -> dict[str, Pixels] | None:
                image = next(self.rest, None)
                return None if image is None else {"PIXELS": image[None]}

        with tempfile.TemporaryDirectory() as scratch:
            whole, done = Path(scratch) / "whole.onnx", Path(scratch) / "int8.onnx"
            onnx.save(self.model, whole)
            quantize_static(
                whole,
                done,
                Images(self.pixels),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=list(floating),
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={
                    "ActivationSymmetric": True,
                    "WeightSymmetric": True,
                    "QuantizeBias": False,
                    # What a convolution takes is quantised, what it gives is not: TensorRT fuses
                    # the activation into it and rounds once, where the next one takes it.
                    "OpTypesToExcludeOutputQuantization": ["Conv"],
                    "QDQKeepRemovableActivations": True,
                },
            )
            quantised = onnx.load(done)
        del quantised.graph.value_info[:]
        used = {node.domain for node in quantised.graph.node}
        kept = [opset for opset in quantised.opset_import if opset.domain in used]
        del quantised.opset_import[:]
        quantised.opset_import.extend(kept)
        onnx_file.check(quantised)
        return quantised

    def restored(self, model: onnx.ModelProto, layers: Sequence[str]) -> onnx.ModelProto:
        """Return a copy of the quantised ``model`` in which ``layers`` are as they were before."""
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        weights = {tensor.name: tensor for tensor in self.model.graph.initializer}
        before = {node.name: node for node in self.model.graph.node}
        makers = {name: node for node in copy.graph.node for name in node.output}
        for quantised in copy.graph.node:
            if quantised.name not in layers:
                continue
            source = makers.get(quantised.input[0])
            if source is not None and source.op_type == "DequantizeLinear":
                quantised.input[0] = makers[source.input[0]].input[0]
            restored = copy.graph.initializer.add()
            restored.CopyFrom(weights[before[quantised.name].input[1]])
            restored.name = quantised.input[1] = f"{quantised.name}/restored"
        return copy

    def features(self, model: onnx.ModelProto, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return what the head sees, float32 [n, channels]."""
        return onnx_head.features(model, pixels)

    def head(self) -> Head:
        """Return the head before anything was quantised."""
        return onnx_head.head(self.model)

    def with_head(self, model: onnx.ModelProto, new: Head) -> onnx.ModelProto:
        """Return a copy of ``model`` with another head."""
        return onnx_head.with_head(model, new)

    def logits(self, model: onnx.ModelProto, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return the model's logits [n, 4]."""
        return onnx_file.run(onnx_file.session(model), pixels)["LOGITS"]


def _halved(model: onnx.ModelProto, tensor: onnx.TensorProto) -> str:
    name = f"{tensor.name}/half"
    if all(one.name != name for one in model.graph.initializer):
        value = numpy_helper.to_array(tensor).astype(np.float16)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _place(graph: onnx.GraphProto, casts: Iterable[onnx.NodeProto]) -> None:
    """Put every cast right after what it casts: the nodes of a graph stand in order."""
    after: dict[str, list[onnx.NodeProto]] = {}
    for cast in casts:
        after.setdefault(cast.input[0], []).append(cast)
    ordered = [
        one
        for node in graph.node
        for one in (node, *(cast for name in node.output for cast in after.get(name, [])))
    ]
    del graph.node[:]
    graph.node.extend(ordered)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
