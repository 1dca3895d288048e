"""SavedModel to OpenVINO IR, in FP16 or quantised to INT8 after training by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def read(saved_model: Path, side: int) -> ov.Model:
    """The graph with tensor names PIXELS, LOGITS and CAM and a free batch size."""
    model = ov.convert_model(saved_model)
    model.reshape([-1, side, side, 3])
    model.input(0).get_tensor().set_names({"PIXELS"})
    for output in model.outputs:
        name = "LOGITS" if output.get_partial_shape().rank.get_length() == 2 else "CAM"
        output.get_tensor().set_names({name})
    return model


def quantise(model: ov.Model, pixels: npt.NDArray[np.uint8], *, float_layers: int = 0) -> ov.Model:
    """INT8 model, its ranges taken from ``pixels`` uint8 [n, side, side, 3].

    The head stays in floating point: it costs nothing, and the mean of CAM stays LOGITS. So do
    the first ``float_layers`` convolutions, whose rounding is carried through all others.

    Ranges reach from the smallest to the largest activation seen. NNCF's default, their mean over
    the images, cuts off what a few images alone have: one validation image of InceptionV3 then
    lost 9.2 of a logit, with the full range 0.2.
    """
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.WARNING)
    layers = [
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() in ("Convolution", "GroupConvolution")
    ]
    return nncf.quantize(
        model.clone(),
        nncf.Dataset([image[None] for image in pixels]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pixels),
        ignored_scope=nncf.IgnoredScope(types=["MatMul"], names=layers[:float_layers]),
        advanced_parameters=AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
        ),
    )


def save(model: ov.Model, folder: Path) -> None:
    """Write ``model.xml`` and ``model.bin``; weights left in floating point are stored as FP16."""
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, folder / "model.xml", compress_to_fp16=True)


def predictor(model: ov.Model | Path) -> Predict:
    """A function from pixels uint8 [n, side, side, 3] to logits float32 [n, 4] on the CPU."""
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda pixels: np.concatenate(
        [
            compiled({"PIXELS": pixels[start : start + 16]})["LOGITS"]
            for start in range(0, len(pixels), 16)
        ]
    )
