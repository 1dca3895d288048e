"""What a released master has before its head describes pictures of another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from training.fit.release.recipe import RECIPES
from training.models import beginning
from training.models.start import WeightsError

TAPS = RECIPES["mobilenet"].taps


def test_the_layers_are_those_of_the_master() -> None:
    """At the master's own size it says what the master's head is given."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    pixels[:, :100] = 255
    master = keras.saving.load_model(beginning.MASTERS / "mobilenet.keras", compile=False)
    before_the_head = keras.Model(master.input, master.get_layer("pool").output)
    found = beginning.of_master("mobilenet", TAPS, 224).predict_on_batch(pixels)
    np.testing.assert_allclose(found, before_the_head.predict_on_batch(pixels), rtol=1e-4)


def test_what_is_blank_does_not_count() -> None:
    """The averages go over the cell: they would be a fifth of these if they went over all."""
    net = beginning.of_master("mobilenet", TAPS, 80)
    pixels = np.full((2, 80, 80, 3), 255, np.uint8)
    texture = np.random.default_rng(0).integers(60, 200, (80, 80, 1))
    pixels[0] = texture
    pixels[1, 24:56, 24:56] = texture[24:56, 24:56]
    whole, part = net.predict_on_batch(pixels)
    assert part.mean() / whole.mean() == pytest.approx(1, abs=0.3)


def test_no_master_no_beginning(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        beginning.of_master("mobilenet", TAPS, 80, tmp_path / "none.keras")
    with pytest.raises(WeightsError, match="does not hold this architecture"):
        beginning.of_master("mobilenet", TAPS, 80, beginning.MASTERS / "xception.keras")
