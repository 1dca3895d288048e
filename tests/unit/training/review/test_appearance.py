from __future__ import annotations

import numpy as np
import pytest

from allclient.contract import QUALITY_FIELDS
from tests.unit.training.review.made import AT, quality
from toolkit import served
from training.review import appearance

SLIDES = np.repeat(["S1", "S2"], 60)
KNOWN = np.concatenate([quality(60, 1, 0.4), quality(60, 2, 0.7)])


def distances(fields: np.ndarray, known: np.ndarray, slides: np.ndarray) -> np.ndarray:
    typical, whitening = appearance.fit(known, slides)
    at = tuple(QUALITY_FIELDS.index(name) for name in appearance.FIELDS)
    look = served.majority.Appearance(at, typical, whitening, np.zeros(101))
    return np.array([served.majority.distance(field, look) for field in fields])


def test_new_fields_of_known_slides_are_near_and_those_of_a_new_slide_far() -> None:
    again = np.concatenate([quality(40, 5, 0.4), quality(40, 6, 0.7)])
    usual = distances(again, KNOWN, SLIDES)
    between = distances(quality(40, 7, 0.55), KNOWN, SLIDES)
    beyond = distances(quality(40, 8, 0.9), KNOWN, SLIDES)
    assert between.min() > 1.5 * np.quantile(usual, 0.95)
    assert beyond.min() > 2 * np.quantile(usual, 0.95)


def test_the_unit_is_the_spread_within_slides() -> None:
    """Slides far apart must not make what lies between them look near."""
    apart = np.concatenate([quality(60, 1, 0.2), quality(60, 2, 0.9)])
    field = quality(1, 9, 0.4)
    field[0, AT["red_cell_size"]] += 5
    near = distances(field, KNOWN, SLIDES)[0]
    assert near > 5, "ten spreads of one value"
    assert distances(quality(1, 9, 0.55), apart, SLIDES)[0] > 10


def test_a_dimmer_lamp_is_no_new_slide_but_another_colour_is() -> None:
    colours = slice(AT["background_red"], AT["cells_blue"] + 1)
    dim, tinted = quality(40, 5, 0.7), quality(40, 5, 0.7)
    dim[:, colours] *= 0.88
    tinted[:, AT["background_blue"]] *= 0.88
    usual = distances(quality(40, 6, 0.7), KNOWN, SLIDES).max()
    assert np.median(distances(dim, KNOWN, SLIDES)) < usual
    assert np.median(distances(tinted, KNOWN, SLIDES)) > 1.1 * np.median(
        distances(dim, KNOWN, SLIDES)
    )


def test_without_names_of_slides_all_fields_are_one() -> None:
    one = np.full(60, "")
    usual = distances(quality(40, 5, 0.4), KNOWN[:60], one)
    assert distances(quality(1, 6, 0.7), KNOWN[:60], one)[0] > 2 * usual.max()


def test_a_value_that_never_varies_and_a_slide_of_one_image_do_no_harm() -> None:
    known = np.concatenate([KNOWN, quality(1, 3, 0.9)])
    known[:, AT["background_red"]] = 0.5
    slides = np.append(SLIDES, "S3")
    typical, whitening = appearance.fit(known, slides)
    assert np.isfinite(typical).all()
    assert np.isfinite(whitening).all()
    assert len(typical) == 2 * appearance.PER_SLIDE + 1


def test_the_same_fields_give_the_same_look() -> None:
    first, second = appearance.fit(KNOWN, SLIDES), appearance.fit(KNOWN, SLIDES)
    for one, other in zip(first, second, strict=True):
        assert one == pytest.approx(other, abs=1e-12)
