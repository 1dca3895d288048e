"""Turns a SavedModel into OpenVINO IR, in floating point or quantised to INT8 by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from convert.openvino import openvino_head
from convert.openvino.openvino_head import BATCH, Pixels
from convert.quantise.refit import Head

CONVOLUTIONS = ("Convolution", "GroupConvolution")
FLOATING = ("MatMul", "ReduceMean", "Multiply", "Divide", "Maximum", "Add", "AvgPool")
"""What the head is made of, from the weighing of the maps on: it costs little and decides all."""
PASSING = ("Transpose", "Reshape", "Pad")
"""What may stand between a convolution and the rounding of what it takes."""

Answers = dict[str, npt.NDArray[np.float32]]


def read(saved_model: Path, side: int) -> ov.Model:
    """Return the graph with tensor names PIXELS, LOGITS and CAM and a free batch size."""
    model = ov.convert_model(saved_model)
    model.reshape([-1, side, side, 3])
    model.input(0).get_tensor().set_names({"PIXELS"})
    for output in model.outputs:
        name = "LOGITS" if output.get_partial_shape().rank.get_length() == 2 else "CAM"
        output.get_tensor().set_names({name})
    return model


def save(model: ov.Model, folder: Path, *, half: bool = False) -> None:
    """Write ``model.xml`` and ``model.bin``; with ``half``, weights are stored as FP16.

    OpenVINO 2026.4 computes in FP16 what is stored so, on a CPU that can, also under the hint f32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=half)


def answers(model: ov.Model | Path, pixels: Pixels, precision: str = "f32") -> Answers:
    """Return LOGITS [n, 4] and CAM [n, h, w, 4] on the CPU, of pixels uint8 [n, side, side, 3].

    ``precision`` is OpenVINO's hint; ``computed_in`` tells what the CPU makes of it.
    """
    return run(compiled(model, precision), pixels)


def compiled(model: ov.Model | Path, precision: str = "f32") -> ov.CompiledModel:
    """Return the model on the CPU, with an inference precision hint."""
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})


def run(model: ov.CompiledModel, pixels: Pixels) -> Answers:
    """Return the answers of a model that is compiled, as ``answers`` gives them."""
    names = [output.get_any_name() for output in model.outputs]
    parts = []
    for start in range(0, len(pixels), BATCH):
        answer = model({model.inputs[0]: pixels[start : start + BATCH]})
        parts.append([np.array(answer[name]) for name in names])
    return {
        name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)
    }


def computed_in(model: ov.CompiledModel) -> dict[str, int]:
    """Return how many convolutions and dense layers really run in which precision on this CPU."""
    counts: dict[str, int] = {}
    for op in model.get_runtime_model().get_ops():
        about = op.get_rt_info()
        if str(about["layerType"].value) in ("Convolution", "FullyConnected", "MatMul"):
            precision = str(about["runtimePrecision"].value)
            counts[precision] = counts.get(precision, 0) + 1
    return counts


class Quantiser:
    """Makes INT8 versions of one graph; ``convert.quantise.search`` chooses one of them."""

    def __init__(self, graph: ov.Model, pixels: Pixels) -> None:
        """Take the graph, and pixels uint8 [n, side, side, 3] that give the ranges."""
        self.graph = graph
        self.pixels = pixels

    def layers(self) -> list[str]:
        """Return the names of the convolutions, in the order of the graph."""
        ops = self.graph.get_ordered_ops()
        return [op.get_friendly_name() for op in ops if op.get_type_name() in CONVOLUTIONS]

    def quantise(self, floating: Sequence[str], *, correct: bool = True) -> ov.Model:
        """Return the graph in INT8, but for the head and the layers named in ``floating``.

        Biases are corrected layer by layer against what the float model gives. NNCF's faster
        correction looks at each layer alone; with it MobileNet gave Keras's class on half of the
        validation images, with this one on 97%, before its head was fitted anew.
        """
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        nncf.set_log_level(logging.WARNING)
        return nncf.quantize(
            self.graph.clone(),
            nncf.Dataset([image[None] for image in self.pixels]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(self.pixels),
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(
                types=list(FLOATING), names=list(floating), validate=False
            ),
            advanced_parameters=AdvancedQuantizationParameters(
                # The mean of the extremes, NNCF's default, cuts off what few images have.
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                disable_bias_correction=not correct,
            ),
        )

    def restored(self, model: ov.Model, layers: Sequence[str]) -> ov.Model:
        """Return a copy of the quantised ``model`` in which ``layers`` are as they were before."""
        copy = model.clone()
        for layer in layers:
            quantised, before = _named(copy, layer), _named(self.graph, layer)
            reader = quantised
            while reader.input_value(0).get_node().get_type_name() in PASSING:
                reader = reader.input_value(0).get_node()
            source = reader.input_value(0).get_node()
            if source.get_type_name() == "FakeQuantize":
                reader.input(0).replace_source_output(source.input_value(0))
            weights = ov.opset13.constant(openvino_head.constant(before.input_value(1)))
            quantised.input(1).replace_source_output(weights.output(0))
        return copy

    def features(self, model: ov.Model, pixels: Pixels, precision: str = "f32") -> Any:
        """Return what the head sees, float32 [n, channels]."""
        return openvino_head.features(model, pixels, precision)

    def head(self) -> Head:
        """Return the head before anything was quantised."""
        return openvino_head.head(self.graph)

    def with_head(self, model: ov.Model, new: Head) -> ov.Model:
        """Return a copy of ``model`` with another head."""
        return openvino_head.with_head(model, new)

    def logits(self, model: ov.Model, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return the model's logits [n, 4]."""
        return answers(model, pixels)["LOGITS"]


def _named(model: ov.Model, name: str) -> Any:
    return next(op for op in model.get_ops() if op.get_friendly_name() == name)
