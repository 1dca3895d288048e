"""What a voter is made of, and where its weights come from."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras")

from allclient.contract import Backbone
from training.models import applications, backbones, masters


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


def test_the_mean_of_the_cam_is_the_logits(pixels: np.ndarray) -> None:
    served = backbones.build(Backbone.MOBILENET).served
    answer = served.predict_on_batch(pixels)
    assert answer["CAM"].shape == (3, 7, 7, 4)
    np.testing.assert_allclose(answer["CAM"].mean((1, 2)), answer["LOGITS"], atol=1e-5)


def test_a_master_is_read_in_float32_and_answers_alike(tmp_path: Path, pixels: np.ndarray) -> None:
    net = backbones.build(Backbone.MOBILENET).served
    path = tmp_path / "mobilenet.keras"
    stored = masters.save(path, Backbone.MOBILENET, net.get_weights())
    assert {weight.dtype for weight in stored.weights} == {"float32"}
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    for name, values in net.predict_on_batch(pixels).items():
        np.testing.assert_allclose(stored.predict_on_batch(pixels)[name], values, atol=5e-3)
    kernels = [np.array(weight) for weight in stored.weights if len(weight.shape) >= 2]
    assert all((kernel == kernel.astype(np.float16)).all() for kernel in kernels)


def test_a_kernel_beyond_float16_is_stored_whole(tmp_path: Path) -> None:
    net = backbones.build(Backbone.MOBILENET).served
    kernel, bias = net.get_layer("head").get_weights()
    kernel[3, 1] = 123_457.0
    net.get_layer("head").set_weights([kernel, bias])
    stored = masters.save(tmp_path / "m.keras", Backbone.MOBILENET, net.get_weights())
    np.testing.assert_array_equal(stored.get_layer("head").get_weights()[0], kernel)
    assert all(np.isfinite(each).all() for each in stored.get_weights())


def test_starting_weights_are_those_of_a_master(tmp_path: Path) -> None:
    path = tmp_path / "start.keras"
    saved = masters.save(
        path, Backbone.MOBILENET, backbones.build(Backbone.MOBILENET).served.get_weights()
    )
    net = backbones.build(Backbone.MOBILENET, side=None, weights=str(path), mix=0.5).served
    for one, other in zip(saved.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_starting_weights_may_be_those_of_a_bare_feature_extractor(tmp_path: Path) -> None:
    features = applications.APPLICATIONS[Backbone.MOBILENET](False, None, (224, 224, 3), "other")
    path = tmp_path / "converted.weights.h5"
    features.save_weights(path)
    served = backbones.build(Backbone.MOBILENET, side=None, weights=str(path)).served
    inner = served.get_layer("mobilenet_features")
    for one, other in zip(features.get_weights(), inner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_starting_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    def start(path: Path) -> None:
        backbones.build(Backbone.MOBILENET, weights=str(path))

    with pytest.raises(backbones.WeightsError, match="no such file"):
        start(tmp_path / "none.keras")
    (tmp_path / "notes.txt").write_text("weights")
    with pytest.raises(backbones.WeightsError, match=r"neither a \.keras nor a \.weights\.h5"):
        start(tmp_path / "notes.txt")
    (tmp_path / "torn.keras").write_bytes(b"PK")
    with pytest.raises(backbones.WeightsError, match=r"torn\.keras does not hold"):
        start(tmp_path / "torn.keras")
    with h5py.File(tmp_path / "empty.weights.h5", "w") as file:
        file.create_group("layers")
    with pytest.raises(backbones.WeightsError, match=r"empty\.weights\.h5 does not hold"):
        start(tmp_path / "empty.weights.h5")
    wider = applications.APPLICATIONS[Backbone.MOBILENET](False, None, (64, 64, 3), "x", channels=5)
    wider.save_weights(tmp_path / "wider.weights.h5")
    with pytest.raises(backbones.WeightsError, match="does not hold this architecture"):
        start(tmp_path / "wider.weights.h5")


def test_imagenet_weights_that_cannot_be_fetched_are_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(**options):
        raise OSError("URL fetch failure: no route to host")

    monkeypatch.setitem(applications.APPLICATIONS, Backbone.XCEPTION, offline)
    with pytest.raises(backbones.WeightsError, match=r"no route to host.*--weights none"):
        backbones.build(Backbone.XCEPTION, weights="imagenet")


def test_an_unknown_backbone_is_told_with_those_there_are() -> None:
    with pytest.raises(applications.BackboneError, match=r"mobilenet, .*EfficientNetB0, .*VGG16"):
        backbones.build("EfficientNetB9")


def test_an_architecture_that_wants_one_size_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def picky(include_top, weights, input_shape, name):
        """Pads by the size that it was built with, as NASNet does."""
        given = keras.Input(input_shape)
        small = keras.layers.Conv2D(3, 2, 2)(given)
        if given.shape[1] != small.shape[1]:
            small = keras.layers.UpSampling2D()(small)
        return keras.Model(given, keras.layers.Add()([given, small]), name=name)

    monkeypatch.setattr(keras.applications, "Picky", picky, raising=False)
    assert backbones.build("Picky", side=32).served.name == "Picky"
    with pytest.raises(backbones.BackboneError, match="Picky takes images of one size only"):
        backbones.build("Picky", side=None)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("mobilenet", "mobilenet"),
        ("ResNet50", "resnet"),
        ("ResNet50V2", "resnet_v2"),
        ("VGG16", "vgg16"),
        ("DenseNet121", "densenet"),
        ("EfficientNetB0", "efficientnet"),
        ("EfficientNetV2S", "efficientnet_v2"),
        ("MobileNetV3Small", "mobilenet_v3"),
        ("ConvNeXtTiny", "convnext"),
    ],
)
def test_pixels_are_scaled_as_the_application_wants(
    pixels: np.ndarray, name: str, module: str
) -> None:
    given = keras.Input((8, 8, 3), dtype="uint8")
    ours = keras.Model(given, applications.scaled(name, given)).predict_on_batch(pixels[:, :8, :8])
    theirs = getattr(keras.applications, module).preprocess_input(
        pixels[:, :8, :8].astype(np.float32)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
