"""SavedModel to OpenVINO IR, in floating point or quantised to INT8 after training by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from convert.refit import Head, HeadError

BATCH = 16
CONVOLUTIONS = ("Convolution", "GroupConvolution")
PASSING = ("Transpose", "Reshape", "Pad")
"""What may stand between a convolution and the rounding of what it takes."""

Pixels = npt.NDArray[np.uint8]
Answers = dict[str, npt.NDArray[np.float32]]


def read(saved_model: Path, side: int) -> ov.Model:
    """The graph with tensor names PIXELS, LOGITS and CAM and a free batch size."""
    model = ov.convert_model(saved_model)
    model.reshape([-1, side, side, 3])
    model.input(0).get_tensor().set_names({"PIXELS"})
    for output in model.outputs:
        name = "LOGITS" if output.get_partial_shape().rank.get_length() == 2 else "CAM"
        output.get_tensor().set_names({name})
    return model


def save(model: ov.Model, folder: Path, *, half: bool = False) -> None:
    """Write ``model.xml`` and ``model.bin``; ``half``: floating point weights stored as FP16.

    OpenVINO 2026.4 computes in FP16 what is stored so, on a CPU that can, also under the hint f32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=half)


def answers(model: ov.Model | Path, pixels: Pixels, precision: str = "f32") -> Answers:
    """LOGITS [n, 4] and CAM [n, h, w, 4] on the CPU, of pixels uint8 [n, side, side, 3].

    precision: OpenVINO's hint; what the CPU makes of it, ``computed_in`` tells.
    """
    return run(compiled(model, precision), pixels)


def compiled(model: ov.Model | Path, precision: str = "f32") -> ov.CompiledModel:
    """The model on the CPU, with an inference precision hint."""
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})


def run(model: ov.CompiledModel, pixels: Pixels) -> Answers:
    """As ``answers``, of a model that is compiled."""
    names = [output.get_any_name() for output in model.outputs]
    parts = []
    for start in range(0, len(pixels), BATCH):
        answer = model({model.inputs[0]: pixels[start : start + BATCH]})
        parts.append([np.array(answer[name]) for name in names])
    return {
        name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)
    }


def computed_in(model: ov.CompiledModel) -> dict[str, int]:
    """How many convolutions and dense layers really run in which precision on this CPU."""
    found: dict[str, int] = {}
    for op in model.get_runtime_model().get_ops():
        about = op.get_rt_info()
        if str(about["layerType"].value) in ("Convolution", "FullyConnected", "MatMul"):
            precision = str(about["runtimePrecision"].value)
            found[precision] = found.get(precision, 0) + 1
    return found


class Quantiser:
    """INT8 versions of one graph; see ``convert.search`` for how one of them is chosen."""

    def __init__(self, graph: ov.Model, pixels: Pixels) -> None:
        """pixels: uint8 [n, side, side, 3], from which the ranges are taken."""
        self.graph = graph
        self.pixels = pixels

    def layers(self) -> list[str]:
        """Names of the convolutions, in the order of the graph."""
        ops = self.graph.get_ordered_ops()
        return [op.get_friendly_name() for op in ops if op.get_type_name() in CONVOLUTIONS]

    def quantise(self, floating: Sequence[str], *, correct: bool = True) -> ov.Model:
        """INT8 but for the head and the layers named in ``floating``.

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
            # The pooling too: rounded before it, LOGITS would not be the mean of CAM any more.
            ignored_scope=nncf.IgnoredScope(
                types=["MatMul", "ReduceMean"], names=list(floating), validate=False
            ),
            advanced_parameters=AdvancedQuantizationParameters(
                # The mean of the extremes, NNCF's default, cuts off what few images have.
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                disable_bias_correction=not correct,
            ),
        )

    def restored(self, model: ov.Model, layers: Sequence[str]) -> ov.Model:
        """A copy of the quantised ``model`` in which ``layers`` are as they were before."""
        copy = model.clone()
        for layer in layers:
            here, before = _named(copy, layer), _named(self.graph, layer)
            reader = here
            while reader.input_value(0).get_node().get_type_name() in PASSING:
                reader = reader.input_value(0).get_node()
            source = reader.input_value(0).get_node()
            if source.get_type_name() == "FakeQuantize":
                reader.input(0).replace_source_output(source.input_value(0))
            weights = ov.opset13.constant(_constant(before.input_value(1)).data)
            here.input(1).replace_source_output(weights.output(0))
        return copy

    def features(self, model: ov.Model, pixels: Pixels, precision: str = "f32") -> Any:
        """What the head sees, float32 [n, channels]."""
        return features(model, pixels, precision)

    def head(self) -> Head:
        """The head before anything was quantised."""
        return head(self.graph)

    def with_head(self, model: ov.Model, new: Head) -> ov.Model:
        """A copy of ``model`` with another head."""
        return with_head(model, new)

    def logits(self, model: ov.Model, pixels: Pixels) -> npt.NDArray[np.float32]:
        """[n, 4]"""
        return answers(model, pixels)["LOGITS"]


def head(model: ov.Model) -> Head:
    """The dense layer that ends in LOGITS.

    Raises:
        HeadError: the graph ends otherwise.
    """
    bias, product = _ending(model)
    kernel = _constant(product.input_value(1)).data
    if product.get_attributes()["transpose_b"]:
        kernel = kernel.T
    return Head(np.array(kernel), np.array(_constant(bias.input_value(1)).data).reshape(-1))


def features(model: ov.Model, pixels: Pixels, precision: str = "f32") -> Any:
    """What the head sees, float32 [n, channels]; see ``head`` for what it raises."""
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
    """A copy of ``model`` with another head, for LOGITS and for every place of CAM alike."""
    old = head(model)
    copy = model.clone()
    changed = 0
    for op in copy.get_ordered_ops():
        if op.get_type_name() != "MatMul":
            continue
        flipped = op.get_attributes()["transpose_b"]
        kernel = _constant(op.input_value(1)).data
        if kernel.T.shape != old.kernel.shape and kernel.shape != old.kernel.shape:
            continue
        if not np.array_equal(kernel.T if flipped else kernel, old.kernel):
            continue
        weights = new.kernel.astype(np.float32)
        constant = ov.opset13.constant(np.ascontiguousarray(weights.T if flipped else weights))
        op.input(1).replace_source_output(constant.output(0))
        (reader,) = op.output(0).get_target_inputs()
        shape = _constant(reader.get_node().input_value(1)).data.shape
        bias = ov.opset13.constant(new.bias.astype(np.float32).reshape(shape))
        reader.get_node().input(1).replace_source_output(bias.output(0))
        changed += 1
    if changed != len(copy.outputs):
        raise HeadError(f"{changed} of the {len(copy.outputs)} outputs come from the same head")
    return copy


def _ending(model: ov.Model) -> tuple[Any, Any]:
    bias = model.output("LOGITS").get_node().input_value(0).get_node()
    product = bias.input_value(0).get_node() if bias.get_type_name() == "Add" else bias
    if bias.get_type_name() != "Add" or product.get_type_name() != "MatMul":
        raise HeadError(
            f"LOGITS come from {product.get_type_name()} and {bias.get_type_name()}, "
            "not from one dense layer with a bias"
        )
    return bias, product


def _named(model: ov.Model, name: str) -> Any:
    return next(op for op in model.get_ops() if op.get_friendly_name() == name)


def _constant(value: Any) -> Any:
    node = value.get_node()
    while node.get_type_name() in ("Convert", "Reshape"):
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        raise HeadError(f"{node.get_friendly_name()} is no constant")
    return node
