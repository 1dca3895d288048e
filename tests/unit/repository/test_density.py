"""The rendering that the backbones see: leukocytes stay, whatever the stain; all else is white."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import smear_density
import smear_light
import smear_nuclei
from PIL import Image, ImageDraw, ImageFilter
from smear_frame import OUTSIDE

from samples import render

GROUND, RED_CELL, NUCLEUS = (240, 235, 240), (190, 180, 205), (110, 60, 190)
NUCLEI = {(40, 110, 14), (120, 110, 11), (180, 120, 18)}
RED_CELLS = {(row, column, 8) for row in range(15, 215, 25) for column in (20, 60, 170)}
EVERYWHERE = np.ones((224, 224), bool)


@functools.cache
def drawn() -> dict[str, np.ndarray]:
    """Twelve drawn fields, every kind in every stain, corner masked, by name."""
    fields = {}
    for one in render.images(count=12, seed=4, height=224):
        image = np.array(one.image.convert("RGB").resize((224, 224), Image.Resampling.LANCZOS))
        fields[one.name] = masked(image)
    return fields


def masked(image: np.ndarray) -> np.ndarray:
    image[188:, 188:] = 128
    image.setflags(write=False)
    return image


def discs(places: set[tuple[int, int, int]], more: int = 0) -> np.ndarray:
    """bool [224, 224]: in one of the circles (row, column, radius), each ``more`` larger."""
    image = Image.new("1", (224, 224))
    pen = ImageDraw.Draw(image)
    for row, column, radius in places:
        size = radius + more
        pen.ellipse((column - size, row - size, column + size, row + size), fill=1)
    return np.array(image)


def painted() -> np.ndarray:
    image = np.full((224, 224, 3), GROUND, np.uint8)
    image[discs(RED_CELLS)] = RED_CELL
    image[discs(NUCLEI)] = NUCLEUS
    return masked(image)


def lit(rgb: np.ndarray, lamp: tuple[float, float, float]) -> np.ndarray:
    return masked(np.rint(rgb * np.array(lamp)).astype(np.uint8))


def stained(rgb: np.ndarray, strength: float) -> np.ndarray:
    """The same smear, every density above the background's times ``strength``."""
    background = np.quantile(rgb[OUTSIDE], 0.97, axis=0)
    light = background * (np.maximum(rgb, 1) / background) ** strength
    return masked(np.rint(np.clip(light, 0, 255)).astype(np.uint8))


def apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Difference outside the corner, in levels."""
    return np.abs(first.astype(int) - second)[OUTSIDE]


def test_nuclei_stay_and_red_cells_and_the_ground_become_white() -> None:
    image = painted()
    rendered = smear_density.render(image)
    assert rendered.shape == (224, 224, 3)
    assert rendered.dtype == np.uint8
    assert (rendered[discs(NUCLEI, -2)] == 0).all(), "the darkest of the field"
    assert (rendered[~discs(NUCLEI, 12) & OUTSIDE] == 255).all()
    assert (rendered[188:, 188:] == 255).all()


def test_a_rim_of_cytoplasm_stays_with_its_nucleus() -> None:
    image = painted().copy()
    rim = discs(NUCLEI, 3) & ~discs(NUCLEI)
    image[rim] = (170, 160, 210)
    seen = smear_density.render(image)[discs(NUCLEI, 2) & ~discs(NUCLEI)]
    assert (seen.mean(0) < 190).all()


@pytest.mark.parametrize("name", drawn())
def test_drawn_fields_in_every_stain(name: str) -> None:
    image = drawn()[name]
    nuclei = smear_nuclei.mask(image)
    rendered = smear_density.render(image)
    ground = (image >= np.quantile(image[OUTSIDE], 0.97, axis=0)).all(-1)
    assert (rendered[ground & OUTSIDE] == 255).all()
    around = np.asarray(Image.fromarray(nuclei).convert("L").filter(ImageFilter.MaxFilter(25)))
    assert (rendered[(around == 0) & OUTSIDE] == 255).all()
    if "red-cells" in name:
        assert (rendered[OUTSIDE] == 255).all(-1).mean() > 0.95
    else:
        assert (rendered[nuclei].mean(0) < 150).all(), "in every channel"
        assert rendered[nuclei].min() == 0


@pytest.mark.parametrize("name", drawn())
@pytest.mark.parametrize(
    "lamp", [(0.8, 1.0, 1.0), (1.0, 0.8, 1.0), (1.0, 1.0, 0.8), (1.0, 0.95, 0.7), (0.8, 0.8, 0.8)]
)
def test_the_lamp_is_gone(name: str, lamp: tuple[float, float, float]) -> None:
    image, nuclei = drawn()[name], smear_nuclei.mask(drawn()[name])
    other = lit(image, lamp)
    assert apart(image, other).mean() > 10
    one = smear_density.render(image, nuclei)
    assert apart(one, smear_density.render(other, nuclei)).max() <= 8, "rounding alone"


@pytest.mark.parametrize("name", drawn())
@pytest.mark.parametrize("strength", [0.8, 1.3])
def test_the_strength_of_the_stain_is_gone(name: str, strength: float) -> None:
    image, nuclei = drawn()[name], smear_nuclei.mask(drawn()[name])
    other = stained(image, strength)
    assert apart(image, other).max() > 15
    one = smear_density.render(image, nuclei)
    assert apart(one, smear_density.render(other, nuclei)).max() <= 6, "rounding alone"


@pytest.mark.parametrize(
    ("change", "typical", "worst"),
    [
        pytest.param(lambda rgb: lit(rgb, (0.8, 1, 1)), 0.1, 1, id="red lamp"),
        pytest.param(lambda rgb: lit(rgb, (1, 0.8, 1)), 0.1, 1, id="green lamp"),
        pytest.param(lambda rgb: lit(rgb, (1, 1, 0.8)), 0.1, 1, id="blue lamp"),
        pytest.param(lambda rgb: stained(rgb, 1.3), 0.5, 2, id="stronger stain"),
    ],
)
def test_the_nuclei_are_found_again_too(change, typical: float, worst: float) -> None:
    """Mean difference in levels where nothing is given: now and then a nucleus is cut otherwise."""
    means = [
        apart(smear_density.render(rgb), smear_density.render(change(rgb))).mean()
        for rgb in drawn().values()
    ]
    assert np.median(means) < typical
    assert max(means) < worst


def test_between_background_and_the_darkest_the_scale_is_linear_in_density() -> None:
    """Stripes of equal steps of density are equal steps of grey, in every channel alike."""
    steps = np.repeat(np.arange(7), 32)
    levels = np.rint(240 * 0.7**steps)
    for channel in range(3):
        rgb = np.full((224, 224, 3), 90, np.uint8)
        rgb[..., channel] = levels
        rendered = smear_density.render(masked(rgb), EVERYWHERE)[100]
        np.testing.assert_allclose(rendered[:, channel], 255 * (1 - steps / 6), atol=3)
        others = [each for each in range(3) if each != channel]
        assert (rendered[:, others] == 255).all(), "nothing there, so nothing is shown"


def test_noise_is_not_stretched_to_the_full_range() -> None:
    noise = np.random.default_rng(3).integers(126, 131, (224, 224, 3), dtype=np.uint8)
    rendered = smear_density.render(masked(noise), EVERYWHERE)
    assert rendered[OUTSIDE].min() > 180


def test_kept_parts_run_into_the_white_without_an_edge() -> None:
    rgb = np.full((224, 224, 3), 60, np.uint8)
    rgb[:, 150:188] = 240
    nucleus = discs({(100, 60, 20)})
    row = smear_density.render(masked(rgb), nucleus)[100, :140, 0].astype(int)
    assert row[60] == 0
    assert row[0] == row[139] == 255
    assert np.abs(np.diff(row)).max() < 70


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("nuclei", [None, EVERYWHERE], ids=["found", "everywhere"])
def test_a_flat_field_is_white(level: int, nuclei: np.ndarray | None) -> None:
    flat = np.full((224, 224, 3), level, np.uint8)
    assert (smear_density.render(flat, nuclei)[OUTSIDE] == 255).all()


def empty(fall: float, noise: float) -> np.ndarray:
    """Background alone as a camera shows it: ``fall`` levels darker at the bottom, and noisy."""
    rng = np.random.default_rng(6)
    ground = np.array(GROUND) - np.linspace(0, fall, 224)[:, None, None]
    seen = np.rint(ground + rng.normal(0, noise, (224, 224, 3)))
    return masked(seen.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("noise", [0, 0.5, 1.5, 3])
def test_an_empty_field_is_white(noise: float) -> None:
    assert (smear_density.render(empty(2, noise))[OUTSIDE] == 255).all()


@pytest.mark.parametrize("noise", [0, 0.5, 1.5, 3])
def test_an_empty_field_under_an_uneven_lamp_is_pale_at_most(noise: float) -> None:
    """Shadows without a cell to compare them with may count as nuclei; never as dark ones."""
    assert smear_density.render(empty(6, noise))[OUTSIDE].min() > 150


def test_what_the_corner_holds_changes_nothing() -> None:
    image = painted()
    expected = smear_density.render(image)
    for fill in (0, 255, NUCLEUS):
        other = image.copy()
        other[188:, 188:] = fill
        np.testing.assert_array_equal(smear_density.render(other), expected)


@pytest.mark.parametrize("name", list(drawn())[:4])
def test_the_same_field_gives_the_same_rendering(name: str) -> None:
    image = drawn()[name]
    before = image.copy()
    rendered = smear_density.render(image)
    np.testing.assert_array_equal(smear_density.render(image), rendered)
    np.testing.assert_array_equal(
        smear_density.render(image, smear_nuclei.mask(image)), rendered, "nuclei found before"
    )
    np.testing.assert_array_equal(
        smear_density.render(np.asfortranarray(image)), rendered, "another layout in memory"
    )
    np.testing.assert_array_equal(image, before, "the field itself is left as it was")


@pytest.mark.parametrize("name", list(drawn())[:4])
def test_both_scales_of_light_are_what_their_definitions_say(name: str) -> None:
    image = drawn()[name]
    light = smear_light.measure(image)
    for channel in range(3):
        levels = np.sort(image[..., channel][OUTSIDE])
        background, darkest = (
            int(np.quantile(levels, share, method="inverted_cdf")) for share in (0.97, 0.005)
        )
        level = image[..., channel].astype(float)
        density = 200 * np.log10(background / np.maximum(1, level))
        np.testing.assert_allclose(light.densities[channel], density.clip(0, 255), atol=0.501)
        reach = max(np.log((background + 1) / (darkest + 1)), 0.15)
        share = (np.log((background + 1) / (level + 1)) / reach).clip(0, 1)
        np.testing.assert_allclose(light.taken[channel], 255 * share, atol=0.501)
