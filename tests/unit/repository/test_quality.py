"""The quality numbers, against plain statements of what they mean."""

from __future__ import annotations

import numpy as np
import pytest
import smear_quality

RNG = np.random.default_rng(8)


def named(image: np.ndarray, pages: int = 1) -> dict[str, float]:
    return dict(
        zip(smear_quality.QUALITY_FIELDS, smear_quality.measure(image, pages).tolist(), strict=True)
    )


def outside(image: np.ndarray) -> np.ndarray:
    keep = np.ones((224, 224), bool)
    keep[188:, 188:] = False
    return image[keep].astype(float)


def test_against_the_definitions() -> None:
    image = RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    quality = named(image, pages=3)
    luma = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    grey = outside(luma)
    assert quality["pages"] == 3
    assert quality["brightness"] == pytest.approx(grey.mean() / 255, abs=1e-3)
    assert quality["contrast"] == pytest.approx(grey.std() / 255, abs=1e-3)
    assert quality["clipped_dark"] == pytest.approx((grey <= 5).mean(), abs=2e-3)
    assert quality["clipped_bright"] == pytest.approx((grey >= 250).mean(), abs=2e-3)
    values = []
    for row in range(1, 223):
        for column in range(1, 223):
            if row < 187 or column < 187:
                around = luma[row - 1, column] + luma[row + 1, column]
                around += luma[row, column - 1] + luma[row, column + 1]
                values.append(around - 4 * luma[row, column])
    assert quality["sharpness"] == pytest.approx(np.var(values), rel=0.01)


def test_background_and_cells_by_otsu_on_green() -> None:
    image = np.full((224, 224, 3), (240, 230, 250), np.uint8)
    image[20:90, 30:120] = (120, 60, 200)
    quality = named(image)
    background = [quality[f"background_{channel}"] * 255 for channel in ("red", "green", "blue")]
    cells = [quality[f"cells_{channel}"] * 255 for channel in ("red", "green", "blue")]
    np.testing.assert_allclose(background, (240, 230, 250), rtol=1e-5)
    np.testing.assert_allclose(cells, (120, 60, 200), rtol=1e-5)


def test_nothing_of_the_scale_bar_counts() -> None:
    image = RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    image[188:, 188:] = 128
    other = image.copy()
    other[188:, 188:] = RNG.integers(0, 256, (36, 36, 3))
    assert named(image) == named(other)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_image_has_numbers_too(level: int) -> None:
    quality = named(np.full((224, 224, 3), level, np.uint8))
    assert quality["sharpness"] == 0
    assert quality["contrast"] == pytest.approx(0, abs=1e-6)
    assert quality["clipped_dark"] == (level == 0)
    assert quality["clipped_bright"] == (level == 255)
    for region in ("background", "cells"):
        assert quality[f"{region}_green"] == pytest.approx(level / 255)


def test_blur_lowers_sharpness() -> None:
    sharp = np.kron(RNG.integers(0, 256, (28, 28, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    soft = (sharp.astype(int) + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) // 3
    assert named(soft.astype(np.uint8))["sharpness"] < named(sharp)["sharpness"] / 2
