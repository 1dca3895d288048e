from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.augment import colour, mixing, stain
from training.augment.config import PLAIN, AugmentConfig


def recoloured(field: np.ndarray, index: int, partner=None, **knobs) -> np.ndarray:
    config = dataclasses.replace(PLAIN, **knobs)
    return colour.recolour(field, np.random.default_rng(index), config, partner)


def test_nothing_switched_on_changes_nothing(smears: dict[str, np.ndarray]) -> None:
    for field in smears.values():
        assert abs(recoloured(field, 0).astype(int) - field).max() <= 1


def test_hue_and_saturation_leave_grey_grey(noise: np.ndarray) -> None:
    noise[:] = 140
    for index in range(8):
        seen = recoloured(noise, index, hue_degrees=20, saturation=0.4)
        assert abs(seen.astype(int) - 140).max() <= 1


def test_grey_views_have_no_colour(smears: dict[str, np.ndarray]) -> None:
    seen = recoloured(smears["pink"], 0, grey=1.0).astype(int)
    assert abs(seen - seen[..., :1]).max() <= 1
    assert seen.std() > 10


def test_jitter_moves_colours_far(smears: dict[str, np.ndarray]) -> None:
    colours = [recoloured(smears["blue"], i, **_jitter()).mean((0, 1)) for i in range(64)]
    assert (np.std(colours, axis=0) > 8).all()


def _jitter() -> dict[str, float]:
    knobs = ("hed", "stain_scale", "stain_shift", "saturation", "hue_degrees")
    return {knob: getattr(AugmentConfig(), knob) for knob in knobs}


def test_the_dyes_alone_keep_the_light(noise: np.ndarray) -> None:
    """More or less dye on an empty slide is still an empty slide."""
    noise[:] = 255
    for index in range(8):
        assert recoloured(noise, index, hed=0.3).min() >= 254


def test_a_palette_names_what_was_drawn(smears: dict[str, np.ndarray]) -> None:
    """Nuclei are densest in green and purple; the pink stain's red cells are the least red."""
    found = {name: stain.palette(field) for name, field in smears.items()}
    for each in found.values():
        assert each.nuclei[1] > 2 * each.red_cells[1]
        assert each.nuclei[1] > each.nuclei[[0, 2]].max()
        assert (each.background < 0.25).all()
    assert found["pink"].red_cells.argmin() == 0
    assert found["blue"].red_cells.argmax() == 0


@pytest.mark.parametrize("source", ["purple", "blue", "grey", "pink"])
def test_transfer_gives_a_field_the_colours_of_another(
    smears: dict[str, np.ndarray], source: str
) -> None:
    """Nearly, or as far as the limit on gains lets it: blue to pink asks for the most."""
    ours = stain.palette(smears[source])
    for target in smears:
        theirs = stain.palette(smears[target])
        affine = stain.between(ours, theirs)
        np.testing.assert_allclose(
            affine[:, :3] @ ours.background + affine[:, 3], theirs.background
        )
        for part, wanted in zip(ours[1:], theirs[1:], strict=True):
            off = abs(affine[:, :3] @ part - wanted).max()
            assert off <= max(0.6 * abs(part - wanted).max(), 0.06)


def test_a_new_stain_never_tears_a_field_apart(smears: dict[str, np.ndarray]) -> None:
    for index in range(40):
        field = smears["grey"]
        seen = recoloured(field, index, new_stain=1.0)
        assert np.corrcoef(seen[..., 1].ravel(), field[..., 1].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("level", [0, 128, 255])
def test_empty_and_dark_fields_pass_through(noise: np.ndarray, level: int) -> None:
    """No stain to measure: still a picture without structure, and no warning."""
    noise[:] = level
    pool = mixing.Donors(np.stack([noise, noise]), ["a", "b"])
    for index in range(6):
        seen = recoloured(
            noise, index, lambda r: pool.other(0, r), new_stain=0.5, transfer=0.5, fourier=1.0
        )
        assert seen.std((0, 1)).max() <= 1


def test_maps_in_a_row_are_one_map() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 4))
    density = rng.normal(size=3)
    step = second[:, :3] @ (first[:, :3] @ density + first[:, 3]) + second[:, 3]
    both = stain.then(first, second)
    np.testing.assert_allclose(both[:, :3] @ density + both[:, 3], step)


def test_uneven_light_is_smooth_and_as_deep_as_asked() -> None:
    for index in range(20):
        light = colour.uneven_light(np.random.default_rng(index), 0.35, 224)
        assert light.shape == (224, 224, 3)
        assert 0.3 * 0.35 - 0.01 <= np.ptp(light) <= 0.35 + 0.01
        assert abs(light.mean()) < 1e-4
        assert abs(np.diff(light, axis=0)).max() < 0.02


def test_fourier_mixing_takes_the_average_and_keeps_the_cells(
    smears: dict[str, np.ndarray],
) -> None:
    field, donor = smears["purple"], smears["pink"]
    rng = np.random.default_rng(3)
    seen = [mixing.low_frequencies(field, donor, rng) for _ in range(20)]
    gap = donor.mean((0, 1)) - field.mean((0, 1))
    for each in seen:
        change = each.mean((0, 1)) - field.mean((0, 1))
        assert np.dot(change, gap) / np.dot(gap, gap) > 0.2
        # The change itself is slow: cells stay where and as sharp as they are.
        inner = (each.astype(float) - field)[2:-2, 2:-2].mean(-1)
        assert abs(np.diff(inner, axis=1)).mean() < 1.5


def test_donors_are_of_other_slides_and_every_slide_gives_as_often() -> None:
    """Fields tell their number; slide b has many, and must not crowd out c."""
    fields = np.zeros((12, 224, 224, 3), np.uint8)
    fields += np.arange(12, dtype=np.uint8)[:, None, None, None]
    pool = mixing.Donors(fields, ["a"] + 10 * ["b"] + ["c"])
    rng = np.random.default_rng(0)
    drawn = [int(pool.other(0, rng)[0, 0, 0]) for _ in range(200)]
    assert 0 not in drawn
    assert 70 < drawn.count(11) < 130
    assert set(drawn) == set(range(1, 12))
    alone = mixing.Donors(fields, 12 * ["a"])
    assert int(alone.other(0, rng)[0, 0, 0]) in range(12)
    with pytest.raises(ValueError, match="2 slide names were given for 12 fields"):
        mixing.Donors(fields, ["a", "b"])
