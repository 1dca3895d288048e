"""Nuclei are found in every drawn stain, and nothing where there are red cells alone."""

from __future__ import annotations

import numpy as np
import pytest
import smear_nuclei
from PIL import Image, ImageDraw
from smear_frame import OUTSIDE

from samples import render

RNG = np.random.default_rng(11)
GROUND, RED_CELL, NUCLEUS = (240, 235, 240), (190, 180, 205), (110, 60, 190)


def drawn(count: int) -> list[tuple[str, np.ndarray]]:
    fields = []
    for one in render.images(count=count, seed=4, height=224):
        image = np.array(one.image.convert("RGB").resize((224, 224), Image.Resampling.LANCZOS))
        image[188:, 188:] = 128
        fields.append((one.name, image))
    return fields


def painted(discs: dict[tuple[int, int, int], tuple[int, int, int]]) -> np.ndarray:
    """Discs of colours at {(row, column, radius): colour} on the ground."""
    image = Image.new("RGB", (224, 224), GROUND)
    pen = ImageDraw.Draw(image)
    for (row, column, radius), colour in discs.items():
        pen.ellipse((column - radius, row - radius, column + radius, row + radius), fill=colour)
    return np.array(image)


RED_CELLS = {(row, column, 8): RED_CELL for row in range(15, 215, 25) for column in (20, 60, 180)}
NUCLEI = {(40, 110, 14): NUCLEUS, (120, 110, 11): NUCLEUS, (180, 125, 18): NUCLEUS}


def test_the_mask_is_the_painted_nuclei() -> None:
    found = smear_nuclei.mask(painted(RED_CELLS | NUCLEI))
    true = (painted(NUCLEI) == NUCLEUS).all(-1)
    assert found.dtype == bool
    assert found.shape == (224, 224)
    assert (found & true).sum() / (found | true).sum() > 0.95


@pytest.mark.parametrize("lamp", [(1.0, 1.0, 1.0), (1.0, 0.95, 0.7), (0.6, 0.62, 0.7)])
def test_neither_the_lamp_nor_a_turn_matters(lamp: tuple[float, float, float]) -> None:
    image = painted(RED_CELLS | NUCLEI)
    plain = smear_nuclei.mask(image)
    lit = np.rint(image * np.array(lamp)).astype(np.uint8)
    assert (smear_nuclei.mask(lit) == plain).mean() > 0.998
    turned = np.ascontiguousarray(image[::-1, ::-1])
    image[188:, 188:] = turned[188:, 188:] = 128  # the corner is not seen in either
    same = smear_nuclei.mask(turned)[::-1, ::-1][36:188, 36:188] == plain[36:188, 36:188]
    assert same.mean() > 0.998


@pytest.mark.parametrize("field", drawn(24), ids=lambda field: field[0])
def test_drawn_fields_of_every_stain(field: tuple[str, np.ndarray]) -> None:
    name, image = field
    found = smear_nuclei.find(image)
    share = found.mask.mean()
    if "red-cells" in name:
        assert share < 0.005
    else:
        assert share > 0.01
        inside = found.density[found.mask].mean()
        assert inside > 2 * found.red_cell
        assert found.cells.mean() > share


def test_one_channel_is_enough() -> None:
    for name, image in drawn(12):
        grey = np.repeat(image[..., 1:2], 3, axis=2)
        share = smear_nuclei.mask(grey).mean()
        assert (share < 0.008) if "red-cells" in name else (share > 0.008), name


def test_the_bar_corner_never_counts() -> None:
    image = painted(RED_CELLS | NUCLEI)
    other = image.copy()
    other[188:, 188:] = NUCLEUS
    image[188:, 188:] = 128
    assert not smear_nuclei.mask(other)[188:, 188:].any()
    inner = np.s_[:180, :180]
    assert (smear_nuclei.mask(other)[inner] == smear_nuclei.mask(image)[inner]).all()


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_flat_image_has_none(level: int) -> None:
    found = smear_nuclei.find(np.full((224, 224, 3), level, np.uint8))
    assert not found.mask.any()


def test_noise_and_black_frames_are_no_trouble() -> None:
    noise = RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert smear_nuclei.mask(noise).mean() < 0.02
    framed = painted(RED_CELLS)
    framed[:10] = framed[-10:] = 0
    assert np.isfinite(smear_nuclei.find(framed).red_cell)


def test_otsu_parts_two_heaps_where_the_brute_force_does() -> None:
    values = np.concatenate([RNG.normal(70, 12, 900), RNG.normal(190, 25, 4000)])
    values = np.clip(np.rint(values), 0, 255).astype(int)

    def between(level: int) -> float:
        low, high = values[values <= level], values[values > level]
        if not len(low) or not len(high):
            return 0.0
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    best = smear_nuclei.otsu(np.bincount(values, minlength=256))
    assert between(best) == pytest.approx(max(between(level) for level in range(256)))


@pytest.mark.parametrize("side", [3, 5, 7, 9])
def test_sums_around_a_pixel_continue_the_edges(side: int) -> None:
    part = np.random.default_rng(side).random((31, 17)) < 0.4
    wide = np.pad(part, side // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (side, side))
    np.testing.assert_array_equal(smear_nuclei._around(part, side), windows.sum(axis=(2, 3)))


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_what_histograms_tell_is_what_the_pixels_say(kind: int) -> None:
    rgb = np.random.default_rng(kind).normal(60 + 70 * kind, 30, (224, 224, 3))
    found = smear_nuclei.find(np.clip(rgb, 0, 255).astype(np.uint8))
    capped = np.minimum(found.light.densities[1], smear_nuclei.CELL_CAP)[OUTSIDE]
    low = smear_nuclei.otsu(np.bincount(capped, minlength=256))
    np.testing.assert_array_equal(found.cells, (found.light.densities[1] > low) & OUTSIDE)
    assert found.light.levels.sum() == 3 * OUTSIDE.sum()
    red, green, blue = (plane.astype(int) for plane in found.light.densities)
    purple = np.clip(2 * green - np.maximum(red, blue), 0, 255)
    np.testing.assert_array_equal(found.density, purple)
