"""What the average of described maps says: means and squares over leukocytes alone."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from toolkit import served
from training.models import backbones, cells


def described(pixels: np.ndarray, *maps: np.ndarray) -> np.ndarray:
    given = keras.Input(pixels.shape[1:], dtype="uint8")
    layers = [keras.Input(each.shape[1:]) for each in maps]
    net = keras.Model([given, *layers], cells.described(given, layers))
    return net.predict_on_batch([pixels, *maps])


@pytest.fixture
def field() -> np.ndarray:
    """Leukocytes in the upper left quarter, the rest blank."""
    pixels = np.full((1, 32, 32, 3), 255, np.uint8)
    pixels[:, :16, :16] = (255, 90, 255)
    return pixels


def test_the_average_is_that_over_leukocytes(field: np.ndarray) -> None:
    maps = np.random.default_rng(0).normal(size=(1, 8, 8, 5)).astype(np.float32)
    found = described(field, maps)
    assert found.shape == (1, 8, 8, 10)
    seen = maps[:, :4, :4]
    expected = np.concatenate([seen.mean((1, 2)), (seen**2).mean((1, 2))], axis=1)
    np.testing.assert_allclose(found.mean((1, 2)), expected, rtol=1e-5)
    assert (found[:, 4:] == 0).all(), "nothing is told of blank parts"


def test_finer_maps_are_brought_to_the_coarsest_grid(field: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    fine = rng.normal(size=(1, 16, 16, 2)).astype(np.float32)
    coarse = rng.normal(size=(1, 4, 4, 3)).astype(np.float32)
    found = described(field, fine, coarse)
    assert found.shape == (1, 4, 4, 10)
    seen = fine[:, :8, :8]
    expected = np.concatenate([seen.mean((1, 2)), (seen**2).mean((1, 2))], axis=1)
    np.testing.assert_allclose(found.mean((1, 2))[:, :4], expected, rtol=1e-5)


def test_a_grid_that_does_not_divide_the_field_lies_in_its_middle() -> None:
    pixels = np.full((1, 34, 34, 3), 255, np.uint8)
    pixels[:, 1:17, 1:17] = 0
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    found = described(pixels, maps)
    assert found.mean((1, 2))[0, 0] == pytest.approx(maps[0, :2, :2].mean())


def test_a_field_without_leukocytes_says_nothing(field: np.ndarray) -> None:
    found = described(np.full_like(field, 250), np.ones((1, 8, 8, 5), np.float32))
    assert (found == 0).all()


def test_a_voter_is_tapped_where_it_is_said() -> None:
    taps = ("block3_sepconv1_act.input", "block4_sepconv1_act.input")
    served = backbones.build("xception", taps=taps).served
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    answer = served.predict_on_batch(pixels)
    assert answer["CAM"].shape == (2, 28, 28, 4)
    np.testing.assert_allclose(answer["CAM"].mean((1, 2)), answer["LOGITS"], atol=1e-5)
    assert served.get_layer("head").kernel.shape[0] == 2 * (128 + 256)


def test_taps_that_are_not_there_are_named() -> None:
    with pytest.raises(backbones.BackboneError, match="no layer 'last' to be tapped"):
        backbones.build("mobilenet", taps=("last",))
    with pytest.raises(backbones.BackboneError, match=r"'block1_conv1\.out' is neither"):
        backbones.build("xception", taps=("block1_conv1.out",))
    with pytest.raises(backbones.BackboneError, match="at one size"):
        backbones.build("xception", side=None, taps=("block1_conv1",))


def test_serving_sees_the_same_pixels() -> None:
    assert cells.BLANK_FROM == served.smear_evidence.BLANK_FROM
