"""Texture is measured alike under another stain, and tells fine chromatin from clumped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.cells import texture

SIDE, SCALE = 80, 28.0
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
NUCLEUS = np.asarray((ROWS - 40) ** 2 + (COLUMNS - 40) ** 2 <= 20**2)


def _clumps(size: int) -> np.ndarray:
    """Density between 0.3 and 0.7 in clumps of about ``size`` pixels."""
    count = SIDE // size
    levels = np.random.default_rng(0).uniform(0.3, 0.7, (count, count)).astype(np.float32)
    return cv2.resize(levels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _measured(density: np.ndarray, own: np.ndarray = NUCLEUS) -> dict[str, float]:
    low, high = np.percentile(density[own], (10, 95)) if own.any() else (0, 1)
    level = ((density - low) / (high - low)).astype(np.float32)
    found = texture.measure(density.astype(np.float32), level, own, SCALE)
    assert found.shape == (len(texture.NAMES),)
    return dict(zip(texture.NAMES, found.tolist(), strict=True))


def test_a_darker_stain_changes_nothing() -> None:
    pale, dark = _measured(_clumps(5)), _measured(2.5 * _clumps(5))
    assert dark == pytest.approx(pale, rel=0.02, abs=0.02)


def test_fine_detail_shows_in_the_fine_bands_and_coarse_detail_in_the_coarse_ones() -> None:
    fine, coarse = _measured(_clumps(2)), _measured(_clumps(16))
    assert fine["band_0"] > coarse["band_0"] + 1
    assert coarse["band_3"] > fine["band_3"]
    assert coarse["lumps"] > fine["lumps"]
    assert fine["gradient"] > coarse["gradient"]


def test_contrast_is_relative_to_the_mean() -> None:
    clumped, even = _measured(_clumps(5)), _measured(0.5 + 0.1 * (_clumps(5) - 0.5))
    assert clumped["contrast"] == pytest.approx(10 * even["contrast"], rel=0.1)
    assert clumped["dark_ratio"] > even["dark_ratio"] > 1


def test_a_dark_rim_shows() -> None:
    distance = np.hypot(ROWS - 40, COLUMNS - 40) / 20
    rim, heart = _measured(0.3 + 0.3 * distance), _measured(0.7 - 0.3 * distance)
    assert rim["rim"] > rim["middle"] > 0 > heart["middle"] > heart["rim"]


def test_what_lies_around_does_not_count() -> None:
    density = _clumps(5)
    around = np.where(NUCLEUS, density, 3.0)
    assert _measured(density) == pytest.approx(_measured(around))


def test_too_little_to_be_measured_gives_zeros() -> None:
    tiny = np.zeros((SIDE, SIDE), bool)
    tiny[40:44, 40:44] = True
    assert set(_measured(_clumps(5), tiny).values()) == {0.0}


def test_an_even_nucleus_gives_numbers() -> None:
    even = np.full((SIDE, SIDE), 0.5, np.float32)
    found = texture.measure(even, np.zeros_like(even), NUCLEUS, SCALE)
    assert np.isfinite(found).all()
