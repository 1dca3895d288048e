from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.augment import bars, camera
from training.augment.config import PLAIN


def sharpness(pixels: np.ndarray) -> float:
    return float(abs(np.diff(pixels.astype(float), axis=1)).mean())


def rng(index: int) -> np.random.Generator:
    return np.random.default_rng(index)


def test_focus_goes_both_ways(smears: dict[str, np.ndarray]) -> None:
    field = smears["blue"]
    for index in range(8):
        soft = camera.focus(field, rng(index), dataclasses.replace(PLAIN, blur=1.0))
        sharp = camera.focus(field, rng(index), dataclasses.replace(PLAIN, sharpen=1.0))
        assert sharpness(soft) < sharpness(field) < sharpness(sharp)
        assert abs(soft.mean() - field.mean()) < 0.5


def test_noise_has_the_strength_it_says(noise: np.ndarray) -> None:
    noise[:] = 128
    spreads = [
        camera.noise(noise, rng(index), dataclasses.replace(PLAIN, noise=1.0)).std()
        for index in range(12)
    ]
    assert min(spreads) >= 0.9
    assert max(spreads) <= 6.1


def test_jpeg_keeps_the_colours_in_their_order(smears: dict[str, np.ndarray]) -> None:
    """Red and blue changed places would go unseen by eye in a purple field."""
    field = smears["pink"]
    for index in range(8):
        seen = camera.compress(field, rng(index), dataclasses.replace(PLAIN, jpeg=1.0))
        assert (seen != field).any()
        assert abs(seen.mean((0, 1)) - field.mean((0, 1))).max() < 1.5
        assert abs(seen.astype(int) - field).mean() < 8


@pytest.mark.parametrize("step", [camera.focus, camera.noise, camera.compress, bars.paint])
def test_switched_off_they_change_nothing(smears: dict[str, np.ndarray], step) -> None:
    for index in range(4):
        np.testing.assert_array_equal(step(smears["grey"], rng(index), PLAIN), smears["grey"])


def test_bars_come_in_many_styles_inside_and_outside_the_corner(noise: np.ndarray) -> None:
    noise[:] = 128
    painted = [
        bars.paint(noise, rng(index), dataclasses.replace(PLAIN, bar=1.0)) for index in range(120)
    ]
    changed = [(each != 128).any(-1) for each in painted]
    assert all(each.any() for each in changed)
    assert all(each.mean() < 0.15 for each in changed)
    in_corner = [each[188:, 188:].any() for each in changed]
    assert 20 < sum(in_corner) < 110
    anywhere = np.any(changed, axis=0)
    assert all(
        part.any() for part in (anywhere[:60, :60], anywhere[:60, 160:], anywhere[160:, :60])
    )
    inks = {tuple(each[mask][0]) for each, mask in zip(painted, changed, strict=True)}
    assert len(inks) >= 4
    assert (noise == 128).all()
