"""The probes on drawn smears: each changes what it says and nothing else."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from toolkit import served
from training.evaluation.probes import bars, catalogue, cells, field, light

CHANCE = 7


def rng() -> np.random.Generator:
    return np.random.default_rng(CHANCE)


@pytest.fixture(scope="module")
def smear(drawn: list[np.ndarray]) -> np.ndarray:
    """A drawn field with nuclei to be found."""
    find = served.smear_nuclei.mask
    return max(drawn, key=lambda each: int(find(each).sum()))


def hue(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)


def test_every_change_gives_a_field_the_server_reads(drawn: list[np.ndarray]) -> None:
    decode = served.pixels.decode
    for change in [*catalogue.probes(), *catalogue.stresses()]:
        given = drawn[1].copy()
        decoded = decode(change(given, drawn[5], rng()))
        assert decoded.pixels.shape == (224, 224, 3), change.name
        np.testing.assert_array_equal(given, drawn[1], err_msg=change.name)


def test_the_same_chance_gives_the_same_change(drawn: list[np.ndarray]) -> None:
    for change in catalogue.probes():
        assert change(drawn[1], drawn[5], rng()) == change(drawn[1], drawn[5], rng()), change.name


def test_all_but_the_control_change_something(smear: np.ndarray, drawn: list[np.ndarray]) -> None:
    for change in [*catalogue.probes(), *catalogue.stresses()]:
        stored = change(smear, drawn[0], rng())
        same = (np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")) == smear).all()
        assert same == change.name.startswith("probe.control"), change.name


def test_names_are_unique_and_lead_back_to_family_and_strength() -> None:
    names = [change.name for change in [*catalogue.probes(), *catalogue.stresses()]]
    assert len(set(names)) == len(names)
    assert {catalogue.describe(n)[0] for n in names if n.startswith("probe.")} == set(
        catalogue.FAMILIES
    )
    assert {catalogue.strength(n)[0] for n in names if n.startswith("stress.")} == set(
        catalogue.AXES
    )
    assert catalogue.describe("probe.hue.+20") == ("hue", "by +20 degrees")
    assert catalogue.describe("probe.hue.+7") == ("hue", "+7")
    assert catalogue.strength("stress.blur.2.5") == ("blur", 2.5)


@pytest.mark.parametrize("style", bars.STYLES)
@pytest.mark.parametrize("corner", bars.CORNERS)
def test_a_bar_lies_in_its_corner(style: str, corner: str, smear: np.ndarray) -> None:
    changed = np.argwhere((bars.paint(smear, style, corner) != smear).any(-1))
    low, high = changed.min(0), changed.max(0)
    lower, to_the_right = bars.CORNERS[corner]
    assert (low[0] >= 188) if lower else (high[0] < 36)
    assert (low[1] >= 188) if to_the_right else (high[1] < 36)
    red = bars.paint(np.full_like(smear, 230), style, corner).astype(int)
    assert (red[..., 0] - red[..., 1] > 100).any() == (style == "small_red")


def test_bars_in_the_masked_corner_never_reach_the_networks(smear: np.ndarray) -> None:
    """Where the public fields have theirs, neither painting in nor painting out is seen."""
    decode = served.pixels.decode
    before = decode(field.png(smear)).pixels
    painted = [bars.paint(smear, style, "lower_right") for style in bars.STYLES]
    for changed in (*painted, bars.inpaint(smear), bars.blank(smear)):
        np.testing.assert_array_equal(decode(field.png(changed)).pixels, before)


@pytest.mark.parametrize("degrees", [-20, 10])
def test_hue_turns_by_what_it_says(degrees: float) -> None:
    colour = np.full((4, 4, 3), (200, 60, 140), np.uint8)
    before, after = hue(colour)[0, 0], hue(light.turn_hue(colour, degrees))[0, 0]
    assert (after[0] - before[0] + 180) % 360 - 180 == pytest.approx(degrees, abs=1)
    assert after[1:] == pytest.approx(before[1:], abs=0.01)


def test_light_by_hand() -> None:
    colour = np.full((2, 2, 3), (200, 100, 50), np.uint8)
    assert light.brighten(colour, 20)[0, 0].tolist() == [240, 120, 60]
    assert light.brighten(colour, 50)[0, 0].tolist() == [255, 150, 75]
    assert light.saturate(colour, 0)[0, 0].tolist() == [124, 124, 124]
    assert light.saturate(colour, 1)[0, 0].tolist() == [200, 100, 50]
    assert light.gamma(colour, 1)[0, 0].tolist() == [200, 100, 50]
    assert light.gamma(colour, 2)[0, 0].tolist() == [157, 39, 10]


def test_restaining_keeps_the_picture_and_moves_its_colours(smear: np.ndarray) -> None:
    np.testing.assert_allclose(light.restain(smear, rng(), 0).astype(int), smear, atol=1)
    apart = [
        np.abs(light.restain(smear, rng(), strength).astype(int) - smear).mean()
        for strength in (0.1, 0.4)
    ]
    assert 0.5 < apart[0] < apart[1]


def test_noise_has_the_deviation_it_says(smear: np.ndarray) -> None:
    grey = np.full_like(smear, 128)
    assert light.noise(grey, rng(), 8).astype(float).std() == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("fill", ["background", "red_cells", "inpainted"])
def test_blanked_nuclei_are_gone(fill: str, smear: np.ndarray) -> None:
    mask = served.smear_nuclei.mask
    before = mask(smear)
    changed = cells.blank(smear, rng(), fill)
    assert before.sum() > 500
    # What is continued from around a nucleus may hold some of the cell's own blue.
    left = 0.25 if fill == "inpainted" else 0.05
    assert (mask(changed) & before).sum() < left * before.sum()
    far = ~cells.grow(before, cells.RIM + 6)
    np.testing.assert_array_equal(changed[far], smear[far])


def test_only_nuclei_are_left(smear: np.ndarray) -> None:
    found = served.smear_nuclei.find(smear)
    changed = cells.only_nuclei(smear, rng())
    inside = ~cells.grow(~cells.grow(found.mask, cells.RIM), 5)
    np.testing.assert_array_equal(changed[inside], smear[inside])
    elsewhere = changed[~cells.grow(found.mask, cells.RIM + 6)].astype(float)
    background = np.median(smear[~found.cells], axis=0)
    assert np.abs(elsewhere - background).max() < 25


def test_the_background_takes_the_donors_colour(smear: np.ndarray) -> None:
    donor = np.full_like(smear, (250, 240, 190))
    background = ~served.smear_nuclei.find(smear).cells
    changed = cells.swap_background(smear, donor)
    deep = ~cells.grow(~background, 5)
    assert np.median(changed[deep], axis=0) == pytest.approx([250, 240, 190], abs=3)
    inside = ~cells.grow(background, 5)
    np.testing.assert_array_equal(changed[inside], smear[inside])


def test_a_field_of_224_pixels_keeps_its_pixels(smear: np.ndarray) -> None:
    np.testing.assert_array_equal(field.read(field.png(smear)), smear)
    large = field.png(np.repeat(np.repeat(smear, 2, 0), 3, 1))
    assert field.read(large).shape == (224, 224, 3)


def test_a_field_is_turned_upright() -> None:
    wide = Image.fromarray(
        np.arange(224 * 224 * 3, dtype=np.uint32).astype(np.uint8).reshape(224, 224, 3)
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    wide.save(file, "PNG", exif=exif)
    expected = np.rot90(np.asarray(wide), -1)
    np.testing.assert_array_equal(field.read(file.getvalue()), expected)
