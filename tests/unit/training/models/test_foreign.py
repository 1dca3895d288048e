"""Weights of npm packages in our architectures: all of them, in the right places, or none."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

keras = pytest.importorskip("keras")


from allclient.contract import Backbone
from training.cli import main
from training.models import applications, foreign

Arrays = dict[str, np.ndarray]
FACES = {"name": "@vladmandic/face-api", "version": "1.7.15", "license": "MIT"}
PICTURES = {"name": "nsfwjs", "version": "4.3.0", "license": "MIT"}


@pytest.fixture(autouse=True)
def real_mobilenet(tiny_backbone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, Backbone.MOBILENET, keras.applications.MobileNet)


def values(weight: keras.Variable, generator: np.random.Generator) -> np.ndarray:
    """Such as a trained network has, so that nothing dies out on the way through."""
    shape = tuple(weight.shape)
    if weight.name in ("gamma", "moving_variance"):
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = 0.2 if len(shape) == 1 else (2 / np.prod(shape[:-1])) ** 0.5
    return generator.normal(0, spread, shape).astype(np.float32)


@pytest.fixture(scope="module")
def faces() -> Arrays:
    """A detector on a MobileNetV1 with random values: its trunk, and a head that is not ours."""
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        spread = (2 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.2
        return generator.normal(0, spread, shape).astype(np.float32)

    def pointwise(number: int, side: int, incoming: int, outgoing: int) -> Arrays:
        name = f"MobilenetV1/Conv2d_{number}_pointwise"
        return {
            f"{name}/weights": normal(side, side, incoming, outgoing),
            f"{name}/convolution_bn_offset": normal(outgoing),
        }

    found = pointwise(0, 3, 3, 32)
    widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    for number, (incoming, outgoing) in enumerate(itertools.pairwise(widths), 1):
        name = f"MobilenetV1/Conv2d_{number}_depthwise"
        found[f"{name}/depthwise_weights"] = 3 * normal(3, 3, incoming, 1) * incoming**0.5
        found[f"{name}/BatchNorm/beta"] = normal(incoming)
        found[f"{name}/BatchNorm/moving_mean"] = normal(incoming)
        for variable in ("gamma", "moving_variance"):
            found[f"{name}/BatchNorm/{variable}"] = generator.uniform(0.5, 1.5, incoming).astype(
                np.float32
            )
        found |= pointwise(number, 1, incoming, outgoing)
    return {**found, "Prediction/BoxPredictor_0/biases": normal(9)}


def test_mobilenet_answers_as_the_detector_does(faces: Arrays) -> None:
    """Its first blocks, computed as the package does: offsets, no batch norm where folded."""
    ops = keras.ops
    pixels = np.random.default_rng(1).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)

    def pointwise(maps: object, number: int, strides: int = 1) -> object:
        name = f"MobilenetV1/Conv2d_{number}_pointwise"
        summed = ops.conv(maps, faces[f"{name}/weights"], strides, "same")
        return ops.clip(summed + faces[f"{name}/convolution_bn_offset"], 0, 6)

    def depthwise(maps: object, number: int, strides: int) -> object:
        name = f"MobilenetV1/Conv2d_{number}_depthwise"
        summed = ops.depthwise_conv(maps, faces[f"{name}/depthwise_weights"], strides, "same")
        gamma, beta, mean, variance = (
            faces[f"{name}/BatchNorm/{each}"]
            for each in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return ops.clip((summed - mean) * gamma / np.sqrt(variance + 1e-3) + beta, 0, 6)

    maps = pointwise(pixels, 0, 2)
    for number, strides in ((1, 1), (2, 2), (3, 1)):
        maps = pointwise(depthwise(maps, number, strides), number)
    theirs = ops.convert_to_numpy(maps)

    net, lifted = foreign.convert(Backbone.MOBILENET, faces)
    ours = keras.Model(net.input, net.get_layer("conv_pw_3_relu").output)(pixels)
    assert 0.05 < (theirs > 0).mean() < 0.95
    assert theirs.std() > 0.1
    np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs, atol=1e-3)
    assert lifted == 0


def test_small_variances_are_lifted_and_counted(faces: Arrays) -> None:
    name = "MobilenetV1/Conv2d_5_depthwise/BatchNorm/moving_variance"
    small = faces[name].copy()
    small[:3] = 0, 1e-5, 2e-4
    net, lifted = foreign.convert(Backbone.MOBILENET, {**faces, name: small})
    assert lifted == 2
    stored = keras.ops.convert_to_numpy(net.get_layer("conv_dw_5_bn").moving_variance)
    np.testing.assert_array_equal(stored[:3], np.float32([1e-4, 1e-4, 2e-4]))
    np.testing.assert_array_equal(stored[3:], small[3:])


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    return keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))


def refusal(net: keras.Model, weights: Arrays, steps: list[foreign.Step] | None = None) -> str:
    """The message; the network must have stayed as it was."""
    before = net.get_weights()
    steps = list(foreign.mobilenet(net)) if steps is None else steps
    with pytest.raises(foreign.ForeignError) as caught:
        foreign.assign(net, steps, weights, "MobilenetV1/")
    for one, other in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    return str(caught.value)


def test_what_is_missing_left_over_or_of_another_kind_is_named(
    mobilenet: keras.Model, faces: Arrays
) -> None:
    name = "MobilenetV1/Conv2d_7_pointwise/weights"
    less = {each: value for each, value in faces.items() if each != name}
    assert refusal(mobilenet, less) == f"missing in the package: {name}"
    more = "MobilenetV1/Conv2d_14_pointwise/weights"
    assert refusal(mobilenet, {**faces, more: faces[name]}) == f"left over in the package: {more}"
    shape = refusal(mobilenet, {**faces, name: faces[name][..., :-1]})
    assert shape == "of another shape: conv_pw_7/kernel (1, 1, 512, 512) from (1, 1, 512, 511)"
    wrong = refusal(mobilenet, {**faces, name: np.full_like(faces[name], np.nan)})
    assert wrong == "not finite: conv_pw_7/kernel"
    nothing = refusal(mobilenet, {})
    assert nothing.startswith("missing in the package: MobilenetV1/Conv2d_0_pointwise/conv")
    assert nothing.endswith("and 88 more")


def test_every_variable_is_set_exactly_once(mobilenet: keras.Model, faces: Arrays) -> None:
    steps = list(foreign.mobilenet(mobilenet))
    lacking = [step for step in steps if step.target != "conv_pw_13_bn/moving_mean"]
    assert refusal(mobilenet, faces, lacking) == (
        "no foreign weight is meant for: conv_pw_13_bn/moving_mean"
    )
    assert refusal(mobilenet, faces, [*steps, steps[0]]) == "set twice: conv1/kernel"
    strange = foreign.Step("conv_pw_14/kernel", fill=1)
    assert refusal(mobilenet, faces, [*steps, strange]) == "the model has no: conv_pw_14/kernel"
    first, second = (
        next(step for step in steps if step.target == f"conv_pw_{block}_bn/beta")
        for block in (7, 8)
    )
    doubled = [
        foreign.Step(each.target, first.source) if each == second else each for each in steps
    ]
    assert refusal(mobilenet, faces, doubled) == f"used twice: {first.source}"


@pytest.fixture(scope="module")
def inception() -> tuple[keras.Model, Arrays]:
    """A network, and its random weights as a Keras that counts from 1 would name them."""
    net = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    generator = np.random.default_rng(2)
    weights: Arrays = {"dense_3/kernel": np.zeros((128, 5), np.float32)}
    for kind in (keras.layers.Conv2D, keras.layers.BatchNormalization):
        layers = [each for each in net.layers if isinstance(each, kind)]
        counts = [
            int(each.name.rpartition("_")[2]) if each.name[-1].isdigit() else 0 for each in layers
        ]
        for layer, count in zip(layers, counts, strict=True):
            name = "conv2d" if kind is keras.layers.Conv2D else "batch_normalization"
            for weight in layer.weights:
                weight.assign(values(weight, generator))
                key = f"{name}_{count - min(counts) + 1}/{weight.name}"
                weights[key] = keras.ops.convert_to_numpy(weight)
    return net, weights


def test_inception_is_matched_wherever_the_names_start_to_count(
    inception: tuple[keras.Model, Arrays],
) -> None:
    first, weights = inception
    second, lifted = foreign.convert(Backbone.INCEPTION_V3, weights)
    assert {layer.name for layer in first.layers}.isdisjoint(
        layer.name for layer in second.layers if isinstance(layer, keras.layers.Conv2D)
    )
    assert lifted == 0
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("number", [1, 17, 94])
def test_a_missing_inception_layer_is_told(
    inception: tuple[keras.Model, Arrays], number: int
) -> None:
    net, weights = inception
    less = {name: each for name, each in weights.items() if name != f"conv2d_{number}/kernel"}
    steps = list(foreign.inception_v3(net, less))
    with pytest.raises(foreign.ForeignError, match="missing in the package: conv2d number"):
        foreign.assign(net, steps, less, "conv2d|batch_norm")
    more = {**weights, "conv2d_95/kernel": weights["conv2d_94/kernel"]}
    with pytest.raises(foreign.ForeignError, match="left over in the package: conv2d_95/kernel"):
        foreign.assign(net, foreign.inception_v3(net, more), more, "conv2d|batch_norm")


def test_no_package_has_xception() -> None:
    with pytest.raises(foreign.ForeignError, match="xception"):
        foreign.convert(Backbone.XCEPTION, {})


def small(include_top=False, weights=None, input_shape=(16, 16, 3), name="small", padding="valid"):
    """The beginning of an InceptionV3."""
    layers = keras.layers
    given = keras.Input(input_shape)
    maps = layers.Conv2D(4, 3, 2, padding, use_bias=False)(given)
    maps = layers.ReLU()(layers.BatchNormalization(scale=False)(maps))
    return keras.Model(given, layers.Conv2D(2, 3, use_bias=False)(maps), name=name)


def test_signed_pixels_give_what_unsigned_ones_gave() -> None:
    net, generator = small(), np.random.default_rng(3)
    for weight in net.weights:
        weight.assign(values(weight, generator))
    pixels = generator.uniform(0, 1, (2, 16, 16, 3)).astype(np.float32)
    before = net.predict_on_batch(pixels)
    foreign.take_signed_pixels(net)
    assert np.abs(net.predict_on_batch(pixels) - before).max() > 0.1
    np.testing.assert_allclose(net.predict_on_batch(2 * pixels - 1), before, atol=1e-5)
    with pytest.raises(foreign.ForeignError, match="cannot be rewritten"):
        foreign.take_signed_pixels(small(padding="same"))


def packed(path: Path, about: dict[str, str], files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in {**files, "package.json": json.dumps(about).encode()}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def face_package(path: Path, weights: Arrays, about: dict[str, str] = FACES) -> Path:
    """As the package stores them: eight bits, one file."""
    listed, content = [], b""
    for name, value in weights.items():
        low, scale = float(value.min()), float(np.ptp(value)) / 255 or 1.0
        how = {"min": low, "scale": scale, "dtype": "uint8"}
        shape = list(value.shape)
        listed.append({"name": name, "shape": shape, "dtype": "float32", "quantization": how})
        content += np.rint((value - low) / scale).astype(np.uint8).tobytes()
    manifest = json.dumps([{"paths": ["model.bin"], "weights": listed}]).encode()
    name = "model/ssd_mobilenetv1_model-weights_manifest.json"
    return packed(path, about, {name: manifest, "model/model.bin": content})


def run(*arguments: object):
    return CliRunner().invoke(main, ["weights", *map(str, arguments)])


def test_a_package_becomes_starting_weights_with_a_record(tmp_path: Path, faces: Arrays) -> None:
    package = face_package(tmp_path / "face.tgz", faces)
    out = tmp_path / "made" / "mobilenet.weights.h5"
    result = run(package, "--out", out)
    assert result.exit_code == 0, result.output
    assert "note" not in result.output
    assert sorted(each.name for each in out.parent.iterdir()) == [
        "mobilenet.json",
        "mobilenet.weights.h5",
    ]
    record = json.loads((out.parent / "mobilenet.json").read_text())
    assert {key: record[key] for key in ("package", "version", "license", "architecture")} == {
        "package": "@vladmandic/face-api",
        "version": "1.7.15",
        "license": "MIT",
        "architecture": "mobilenet",
    }
    assert record["sha256"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert "eight bits" in record["quantisation"]
    assert record["pixels"] == {"trained": [-1, 1], "expected": [-1, 1]}
    net = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(224, 224, 3))
    net.load_weights(out)
    kernel = faces["MobilenetV1/Conv2d_13_pointwise/weights"]
    read = keras.ops.convert_to_numpy(net.get_layer("conv_pw_13").kernel)
    np.testing.assert_allclose(read, kernel, atol=np.ptp(kernel) / 255 * 0.51)


def test_another_version_is_converted_and_told(tmp_path: Path, faces: Arrays) -> None:
    package = face_package(tmp_path / "face.tgz", faces, {**FACES, "version": "2.0.0"})
    result = run(package, "--out", tmp_path / "x.weights.h5")
    assert result.exit_code == 0, result.output
    assert "version 1.7.15 was looked at" in result.output
    assert json.loads((tmp_path / "x.json").read_text())["version"] == "2.0.0"


@pytest.mark.parametrize("adapt", [True, False])
def test_pixels_of_another_scale_are_told_or_adapted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapt: bool
) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, Backbone.INCEPTION_V3, small)
    generator, listed, content = np.random.default_rng(4), [], b""
    net = small()
    names = {"conv2d": 0, "batch_normalization": 0}
    for layer in (each for each in net.layers if each.weights):
        kind = "conv2d" if layer.name.startswith("conv2d") else "batch_normalization"
        names[kind] += 1
        for weight in layer.weights:
            weight.assign(values(weight, generator))
            name = f"{kind}_{names[kind]}/{weight.name}"
            listed.append({"name": name, "shape": list(weight.shape), "dtype": "float32"})
            content += keras.ops.convert_to_numpy(weight).astype("<f4").tobytes()
    folder = "dist/models/inception_v3"
    shard = base64.b64encode(content).decode()
    groups = json.dumps({"weightsManifest": [{"paths": ["shard"], "weights": listed}]})
    files = {
        f"{folder}/model.min.js": f"m.exports={groups};".encode(),
        f"{folder}/shard.min.js": f'm.exports="{shard}";'.encode(),
        "dist/models/mobilenet_v2/shard.min.js": b"not ours",
    }
    package = packed(tmp_path / "pictures.tgz", PICTURES, files)
    out = tmp_path / "inception_v3.weights.h5"
    result = run(package, "--out", out, *(["--adapt-pixels"] if adapt else []))
    assert result.exit_code == 0, result.output
    assert ("expect pixels of 0 to 1" in result.output) is not adapt
    pixels = json.loads((tmp_path / "inception_v3.json").read_text())["pixels"]
    assert pixels == {"trained": [0, 1], "expected": [-1 if adapt else 0, 1]}
    other = small(input_shape=(224, 224, 3))
    other.load_weights(out)
    given = generator.uniform(0, 1, (1, 16, 16, 3)).astype(np.float32)
    again = keras.Sequential(other.layers[1:])
    np.testing.assert_allclose(again(2 * given - 1 if adapt else given), net(given), atol=1e-5)


def test_what_is_no_known_package_is_told_with_the_way_out(tmp_path: Path, faces: Arrays) -> None:
    def told(package: Path) -> str:
        result = run(package, "--out", tmp_path / "x.weights.h5")
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert not (tmp_path / "x.weights.h5").exists()
        return result.output

    assert "npm pack nsfwjs@4.3.0" in told(tmp_path / "none.tgz")
    text = tmp_path / "text.tgz"
    text.write_text("no archive")
    assert "text.tgz is no npm package, or cut off" in told(text)
    whole = face_package(tmp_path / "whole.tgz", faces)
    torn = tmp_path / "torn.tgz"
    torn.write_bytes(whole.read_bytes()[:100_000])
    assert "torn.tgz is no npm package, or cut off" in told(torn)
    other = packed(tmp_path / "other.tgz", {**FACES, "name": "left-pad"}, {})
    assert "other.tgz is left-pad; weights are known in nsfwjs and @vladmandic" in told(other)
    empty = tmp_path / "empty.tgz"
    with tarfile.open(empty, "w:gz"):
        pass
    assert "empty.tgz has no package.json" in told(empty)
    bare = packed(tmp_path / "bare.tgz", FACES, {})
    assert "ssd_mobilenetv1_model-weights_manifest.json: missing" in told(bare)
    less = {name: value for name, value in faces.items() if "_13_" not in name}
    assert "missing in the package: MobilenetV1/Conv2d_13" in told(
        face_package(tmp_path / "less.tgz", less)
    )


def test_the_file_is_named_as_keras_wants_it(tmp_path: Path) -> None:
    result = run(tmp_path / "x.tgz", "--out", tmp_path / "weights.bin")
    assert result.exit_code == 2
    assert ".weights.h5" in result.output
