"""A backbone's beginning describes cells by averages and deviations."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

from training.fit.release.recipe import RECIPES
from training.laboratories import maps, plane
from training.models import beginning


def test_averaged_squares_become_deviations_tap_by_tap() -> None:
    levels = np.random.default_rng(0).integers(plane.DARKEST, plane.PALEST, (2, 40, 40))
    planes = np.full((2, 80, 80), plane.OUTSIDE, np.uint8)
    planes[:, 20:60, 20:60] = levels
    found = maps.describe("mobilenet", planes)
    net = beginning.of_master("mobilenet", RECIPES["mobilenet"].taps, 80)
    pooled = net.predict_on_batch(np.repeat(planes[..., None], 3, 3))
    assert found.shape == pooled.shape == (2, 2 * (256 + 512))
    for start, width in ((0, 256), (512, 512)):
        mean, square = pooled[:, start:][:, :width], pooled[:, start + width :][:, :width]
        np.testing.assert_allclose(found[:, start:][:, :width], mean, rtol=1e-4, atol=1e-5)
        again = mean**2 + found[:, start + width :][:, :width] ** 2
        np.testing.assert_allclose(again, square, rtol=1e-3, atol=1e-4)
